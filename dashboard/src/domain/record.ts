// Values by name, as rules and settings are: what is changed, and what two people made of them.

/** Never changed in place. */
export type Values = Readonly<Record<string, unknown>>

export const sameValue = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b)

/** Names whose values differ, in the order of the first. */
export function changedNames(a: Values, b: Values): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => !sameValue(a[name], b[name]))
}

export interface MergedValues {
  values: Values
  /** Names that both changed, differently: mine stands. */
  clashes: string[]
}

export function mergeValues(base: Values, mine: Values, theirs: Values): MergedValues {
  const own = changedNames(base, mine)
  const clashes = own.filter((name) => !sameValue(base[name], theirs[name]) && !sameValue(mine[name], theirs[name]))
  return { values: { ...theirs, ...Object.fromEntries(own.map((name) => [name, mine[name]])) }, clashes }
}

/** `{a: {b: 1}}` as `{'a.b': 1}`, for the groups that are named. */
export function flatten(tree: Readonly<Record<string, unknown>>, groups: readonly string[]): Values {
  return Object.fromEntries(
    Object.entries(tree).flatMap(([name, value]) =>
      groups.includes(name) && typeof value === 'object' && value !== null
        ? Object.entries(value).map(([inner, one]) => [`${name}.${inner}`, one])
        : [[name, value]],
    ),
  )
}

export function unflatten(values: Values): Record<string, unknown> {
  const tree: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(values)) {
    const [group = name, inner] = name.split('.')
    if (inner === undefined) tree[name] = value
    else tree[group] = { ...(tree[group] as object | undefined), [inner]: value }
  }
  return tree
}

/** What of some values is sent to change others. */
export const difference = (base: Values, mine: Values): Values => Object.fromEntries(changedNames(base, mine).map((name) => [name, mine[name]]))

/** What kind of field shows a value. `list` and `map` are typed one a line. */
export interface Field {
  name: string
  kind: 'bool' | 'number' | 'text' | 'choice' | 'gpus' | 'list' | 'map' | 'secret'
  unit?: 's' | 'GiB' | 'MiB' | '%' | 'h' | 'd'
  choices?: readonly string[]
  /** Empty means none: null. */
  optional?: boolean
}
