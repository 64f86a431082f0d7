// A row cut into pieces that are shown alike: looks, links, hits of a search.
import { lookOf, type Look } from './colour'
import { linked } from './links'
import type { Row, Run } from './screen'

/** Columns of a row that are shown; the rest waits for "show all". */
export const SHOWN_COLUMNS = 4000

export interface Piece {
  text: string
  /** Class names. */
  name?: string
  look?: Look
  href?: string
  hit?: true
}

const NAMES = ['bold', 'dim', 'italic', 'underline', 'strike'] as const
/** A search for one letter would tear a row into thousands. */
const MOST_HITS = 200

function nameOf({ style, raw }: Run): string | undefined {
  const names: string[] = NAMES.filter((name) => style[name])
  if (raw) names.push('raw')
  return names.length ? names.join(' ') : undefined
}

/** Where the needles stand in a text, whatever their case, each place once, in order. */
function places(text: string, needles: readonly string[]): [number, number][] {
  const found: [number, number][] = []
  const small = text.toLowerCase()
  // Letters whose small form is longer would shift what follows them.
  const haystack = small.length === text.length ? small : text
  for (const needle of needles) {
    if (!needle) continue
    const wanted = haystack === small ? needle.toLowerCase() : needle
    for (let at = haystack.indexOf(wanted); at >= 0 && found.length < MOST_HITS; at = haystack.indexOf(wanted, at + wanted.length)) {
      found.push([at, at + wanted.length])
    }
  }
  found.sort((a, b) => a[0] - b[0] || b[1] - a[1])
  let end = 0
  return found.filter(([from, to]) => from >= end && ((end = to), true))
}

/** The pieces of a row; only its first columns. `version` is there so that callers ask again when the row has changed. */
export function pieces(row: Row, _version: number, theme: 'light' | 'dark', needles: readonly string[] = []): Piece[] {
  const runs: Run[] = []
  let room = SHOWN_COLUMNS
  for (const run of row.runs) {
    if (room <= 0) break
    runs.push(run.text.length > room ? { ...run, text: run.text.slice(0, room) } : run)
    room -= run.text.length
  }
  const whole = runs.map((run) => run.text).join('')
  const hits = needles.length ? places(whole, needles) : []
  const found: Piece[] = []
  let at = 0
  for (const run of runs) {
    const look = lookOf(run.style, theme)
    const dressed = { name: nameOf(run), look: look.color || look.backgroundColor ? look : undefined }
    for (const piece of linked(run.text)) {
      if (piece.href) found.push({ ...dressed, ...piece })
      else found.push(...lit(piece.text, at, hits).map((one) => ({ ...dressed, ...one })))
      at += piece.text.length
    }
  }
  return found
}

/** A text that begins at `from`, its hits apart. */
function lit(text: string, from: number, hits: readonly [number, number][]): Piece[] {
  const found: Piece[] = []
  let at = 0
  for (const [start, end] of hits) {
    const a = Math.max(at, start - from)
    const b = Math.min(text.length, end - from)
    if (b <= a) continue
    if (a > at) found.push({ text: text.slice(at, a) })
    found.push({ text: text.slice(a, b), hit: true })
    at = b
  }
  if (at < text.length) found.push({ text: text.slice(at) })
  return found
}
