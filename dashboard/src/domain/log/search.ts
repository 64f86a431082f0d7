// Searching a whole log: what is asked, and what comes back, as texts to be lit and rows to be shown.
import { MARKS, markOf, PATTERNS, type Mark } from './marks'
import { Screen, textOf } from './screen'
import type { LogHit } from './shapes'
import type { LogLine, PaneRow } from './window'

export interface LogQuery {
  text: string
  regex: boolean
  /** Whether A is another letter than a. */
  case: boolean
  /** Lines around each hit. */
  context: number
}

/** A search for one of the marks. */
export const markQuery = (mark: Mark): Pick<LogQuery, 'text' | 'regex' | 'case'> => ({ text: PATTERNS[mark], regex: true, case: true })

/** The mark that a search is for. */
export function markIn({ text, regex }: { text: string; regex: boolean }): Mark | undefined {
  return regex ? MARKS.find((mark) => PATTERNS[mark] === text) : undefined
}

/** Texts to be lit: what was asked for, or, of an expression, what it matched. */
export function needlesOf(query: LogQuery | null, hits: readonly LogHit[]): string[] {
  if (!query?.text) return []
  if (!query.regex) return [query.text]
  const found = new Set<string>()
  for (const hit of hits) {
    for (const [from, to] of hit.ranges) if (to > from && found.size < 50) found.add(hit.text.slice(from, to))
  }
  return [...found]
}

function lineRow(line: LogLine, number: number | null, key: string): PaneRow {
  const screen = new Screen(number ?? 1)
  screen.feed(line.text)
  screen.addRedraws(line.redraws)
  screen.feed('\n')
  const row = screen.rows[0]!
  return { kind: 'row', key, row, number, mark: markOf(textOf(row)), line }
}

/** Only the hits, with the lines around them; a gap where lines are left out. Lines around two hits stand once. */
export function hitRows(hits: readonly LogHit[]): PaneRow[] {
  const rows: PaneRow[] = []
  const shown = new Set<number>()
  let last: number | null = null
  for (const hit of hits) {
    const own: LogLine = { offset: hit.offset, end: hit.after[0]?.offset ?? hit.offset, text: hit.text, redraws: 0, cut: hit.cut, open: false }
    const around = [...hit.before, own, ...hit.after]
    const first = hit.line === null ? null : hit.line - hit.before.length
    const apart = first === null || last === null || first > last + 1
    if (rows.length && around.length > 1 && apart && !shown.has(around[0]!.offset)) rows.push({ kind: 'gap', key: `g${hit.offset}` })
    around.forEach((line, at) => {
      if (shown.has(line.offset)) return
      shown.add(line.offset)
      rows.push(lineRow(line, first === null ? null : first + at, `h${line.offset}`))
    })
    last = first === null ? null : first + around.length - 1
  }
  return rows
}
