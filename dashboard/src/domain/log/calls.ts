// What is asked of the daemon about logs.
import { api, bodyOf, linesOf, type Schemas } from '@/api'
import { ApiFailure } from '@/domain/failure'
import type { Lines, LogName } from './address'
import type { LogQuery } from './search'
import type { Reading, SearchEvent } from './shapes'
import { findTime, LINES_A_STEP } from './times'

type Content = Schemas['LogContent']
type Window = { tail_lines: number } | { offset: number; count: number } | { before: number; count: number } | { line: number; count: number }

async function read(log: LogName, window: Window, signal?: AbortSignal): Promise<Reading> {
  const query = { ...log, ...window, form: 'lines' as const }
  return readingOf(await bodyOf(api.GET('/api/log/content', { params: { query }, signal })))
}

function readingOf({ lines, offset, end, first_line, task, encoding, bad_bytes, binary, ...head }: Content): Reading {
  return {
    part: { from: offset, to: end, first: first_line, lines: lines ?? [] },
    head, task, encoding, badBytes: bad_bytes, binary,
  }
}

/** The last lines. */
export const readTail = (log: LogName, lines: number, signal: AbortSignal) => read(log, { tail_lines: lines }, signal)
/** Lines from a byte on, where one begins. */
export const readAfter = (log: LogName, offset: number, count: number, signal: AbortSignal) => read(log, { offset, count }, signal)
/** Lines that end at a byte. */
export const readBefore = (log: LogName, before: number, count: number, signal: AbortSignal) => read(log, { before, count }, signal)
/** Lines from a number on. */
export const readLines = (log: LogName, line: number, count: number, signal: AbortSignal) => read(log, { line, count }, signal)

/** Where the first line is that carries this time or a later one; null when none does. */
export const timeOffset = (log: LogName, size: number, at: Date, signal: AbortSignal): Promise<number | null> =>
  findTime(size, at, async (offset) => (await readAfter(log, offset, LINES_A_STEP, signal)).part.lines)

/** Bytes as text, and where to go on. */
export async function readBytes(log: LogName, offset: number, limit: number, signal: AbortSignal): Promise<{ text: string; end: number }> {
  const { content, end } = await bodyOf(api.GET('/api/log/content', { params: { query: { ...log, offset, limit } }, signal }))
  return { text: content, end }
}

/** Where the line behind a hit begins. */
export const behind = async (log: LogName, hit: { offset: number }, signal: AbortSignal): Promise<number> => (await readAfter(log, hit.offset, 1, signal)).part.to

/** Lines as they stand in the file, for pasting. */
export async function logText(log: LogName, line: number, count: number): Promise<string> {
  let text = ''
  for (let from = line; from < line + count; ) {
    const { part } = await read(log, { line: from, count: line + count - from })
    if (!part.lines.length) break
    text += part.lines.map((one) => `${one.text}\n`).join('')
    from += part.lines.length
  }
  return text
}

/** An address that downloads the whole log, or some lines of it, once. */
export async function logTicket(log: LogName, lines?: Lines): Promise<string> {
  let range: { offset?: number; limit?: number } = {}
  if (lines) {
    const [first, last] = await Promise.all([lines.from, lines.to].map(async (line) => (await read(log, { line, count: 1 })).part))
    range = { offset: first!.from, limit: Math.max(0, last!.to - first!.from) }
  }
  return (await bodyOf(api.POST('/api/log/download', { params: { query: { ...log, ...range } } }))).url
}

/** Hits that are listed at once; those beyond are counted, and asked for when one gets there. */
const MOST_HITS = 2000

/** Searches the whole log, or what comes from a byte on; what is found comes as it is found. */
export async function* searchLog(log: LogName, { text, regex, case: cased, context }: LogQuery, signal: AbortSignal, offset?: number): AsyncGenerator<SearchEvent> {
  const query = { ...log, q: text, regex, case: cased, context, limit: MOST_HITS, offset }
  for await (const line of linesOf('/api/log/search', query, signal)) {
    const event = line as SearchEvent | { event: 'error'; code: string; message: string }
    if (event.event === 'error') throw new ApiFailure(200, event.code, event.message, 'GET /api/log/search')
    yield event
  }
}
