// Two texts side by side, by lines.
import { diffArrays } from 'diff'

export interface Line {
  /** From 1. */
  no: number
  text: string
}

/** A pair of lines; or so many equal ones that are left out. */
export type Pair = { kind: 'same' | 'changed' | 'added' | 'removed'; a?: Line; b?: Line } | { kind: 'gap'; count: number }

/** More differences than this would take longer than anybody waits, and nobody would read them. */
const MOST_EDITS = 800

function paired(a: readonly string[], b: readonly string[]): Exclude<Pair, { kind: 'gap' }>[] {
  const steps = diffArrays([...a], [...b], { maxEditLength: MOST_EDITS }) ?? [
    { count: a.length, removed: true, added: false, value: [...a] },
    { count: b.length, removed: false, added: true, value: [...b] },
  ]
  const found: Exclude<Pair, { kind: 'gap' }>[] = []
  let [i, j] = [0, 0]
  for (let at = 0; at < steps.length; at++) {
    const step = steps[at]!
    const next = steps[at + 1]
    if (!step.added && !step.removed) {
      for (let n = 0; n < step.count; n++) found.push({ kind: 'same', a: { no: ++i, text: a[i - 1]! }, b: { no: ++j, text: b[j - 1]! } })
      continue
    }
    const both = next && (next.added || next.removed) ? next : undefined
    if (both) at++
    const gone = step.removed ? step.count : (both?.count ?? 0)
    const come = step.added ? step.count : (both?.count ?? 0)
    for (let n = 0; n < Math.max(gone, come); n++) {
      const left = n < gone ? { no: ++i, text: a[i - 1]! } : undefined
      const right = n < come ? { no: ++j, text: b[j - 1]! } : undefined
      found.push({ kind: left && right ? 'changed' : left ? 'removed' : 'added', a: left, b: right })
    }
  }
  return found
}

/** All lines within `context` of a difference; the others as gaps. */
export function sideBySide(before: string, after: string, context = Infinity): Pair[] {
  const lines = (text: string) => (text === '' ? [] : text.replace(/\n$/, '').split('\n'))
  const all = paired(lines(before), lines(after))
  if (context === Infinity) return all
  const near = new Uint8Array(all.length)
  all.forEach(({ kind }, at) => {
    if (kind !== 'same') near.fill(1, Math.max(0, at - context), at + context + 1)
  })
  const found: Pair[] = []
  for (let at = 0; at < all.length; at++) {
    const last = found.at(-1)
    // A gap of one line would take as much room as the line.
    if (near[at] || (near[at - 1] !== 0 && near[at + 1] !== 0)) found.push(all[at]!)
    else if (last?.kind === 'gap') last.count++
    else found.push({ kind: 'gap', count: 1 })
  }
  return found
}

/** Pairs of indices of equal lines, in order. */
function equal(a: readonly string[], b: readonly string[]): Map<number, number> {
  const found = new Map<number, number>()
  for (const pair of paired(a, b)) if (pair.kind === 'same') found.set(pair.a!.no - 1, pair.b!.no - 1)
  return found
}

/** Joins two changed texts. Where both changed one place, mine stands, and `note` makes comments of their lines. */
export function mergeTexts(base: string, mine: string, theirs: string, note: (line: string) => string): { text: string; clashes: number } {
  const [b, m, t] = [base, mine, theirs].map((text) => text.split('\n')) as [string[], string[], string[]]
  const [toMine, toTheirs] = [equal(b, m), equal(b, t)]
  const out: string[] = []
  let [i, j, k, clashes] = [0, 0, 0, 0]
  const alike = (x: readonly string[], y: readonly string[]) => x.length === y.length && x.every((line, at) => line === y[at])
  const put = (was: string[], ours: string[], other: string[]) => {
    if (alike(was, ours) || alike(ours, other)) out.push(...other)
    else if (alike(was, other)) out.push(...ours)
    else {
      clashes++
      out.push(...ours, ...other.map(note))
    }
  }
  for (let at = 0; at < b.length; at++) {
    const [x, y] = [toMine.get(at), toTheirs.get(at)]
    if (x === undefined || y === undefined) continue
    put(b.slice(i, at), m.slice(j, x), t.slice(k, y))
    out.push(b[at]!)
    ;[i, j, k] = [at + 1, x + 1, y + 1]
  }
  put(b.slice(i), m.slice(j), t.slice(k))
  return { text: out.join('\n'), clashes }
}
