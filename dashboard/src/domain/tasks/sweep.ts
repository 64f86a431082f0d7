// A sweep: names with values, and every combination of them.

export interface Axis {
  name: string
  /** As it was written: values apart by commas or lines. */
  values: string
}
export type Value = string | number | boolean

/** Values as JSON has them: `0.1` is a number, `true` a yes, the rest text; quotes keep a text a text. */
export function valuesOf(text: string): Value[] {
  return split(text).map((one) => {
    const quoted = /^"(.*)"$|^'(.*)'$/.exec(one)
    if (quoted) return quoted[1] ?? quoted[2] ?? ''
    if (one === 'true' || one === 'false') return one === 'true'
    // Only what reads back as it was written: `007`, `1e5` and `1.0` are names of something, or are meant to stay so.
    return /^-?(?:0|[1-9]\d{0,14})(?:\.\d*[1-9])?$/.test(one) ? Number(one) : one
  })
}

/** At commas and line ends outside of quotes. */
function split(text: string): string[] {
  return (text.match(/"[^"\n]*"|'[^'\n]*'|[^,，\n"']+/g) ?? []).map((one) => one.trim()).filter(Boolean)
}

/** What the daemon is sent; null without a name that has values. */
export function matrixOf(axes: readonly Axis[]): Record<string, Value[]> | null {
  const found = axes.filter(({ name, values }) => name.trim() && valuesOf(values).length).map(({ name, values }) => [name.trim(), valuesOf(values)] as const)
  return found.length ? Object.fromEntries(found) : null
}

/** How many tasks that makes. */
export const combinations = (matrix: Record<string, Value[]> | null): number => (matrix ? Object.values(matrix).reduce((product, values) => product * values.length, 1) : 1)

/** The first combinations, in the daemon's order: the last name turns fastest. */
export function first(matrix: Record<string, Value[]>, count: number): Record<string, Value>[] {
  const names = Object.keys(matrix).sort()
  const total = combinations(matrix)
  return Array.from({ length: Math.min(count, total) }, (_, n) => {
    const found: Record<string, Value> = {}
    let rest = n
    for (const name of [...names].reverse()) {
      const values = matrix[name]!
      found[name] = values[rest % values.length]!
      rest = Math.floor(rest / values.length)
    }
    return found
  })
}

/** Names that nothing in the text asks for. */
export const unused = (matrix: Record<string, Value[]> | null, text: string): string[] => Object.keys(matrix ?? {}).filter((name) => !text.includes(`{${name}}`))

/** A text with the values in it. */
export const filled = (text: string, values: Record<string, Value>): string =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole))
