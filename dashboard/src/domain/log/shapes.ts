// What the daemon says of logs.
import type { LogLine, Part } from './window'

/** A log as a whole. */
export interface LogHead {
  log_path: string
  exists: boolean
  /** Why it cannot be read, where something else than a log stands in its place. */
  trouble: string | null
  size: number
  /** Null until they have been counted. */
  total_lines: number | null
  /** Bytes whose lines have been counted. */
  indexed: number
  /** Another number than before: it was rotated, cut, or written anew. */
  generation: number
  exit: LogExit | null
}

/** How the attempt ended. */
export interface LogExit {
  kind: 'exited' | 'signaled' | 'timed_out' | 'stopped' | 'not_started' | 'lost'
  exit_code: number | null
  signal: number | null
  out_of_memory: boolean
  message: string | null
  started_at: string
  finished_at: string
  duration: number
  peak_rss: number | null
  peak_gpu_memory: number | null
}

/** The task whose log it is. */
export interface LogTask {
  task_id: string
  run_id: string
  /** Null for an ad-hoc task, and so are the next three. */
  mode: 'single' | 'multi' | null
  config_index: number | null
  queue_id: number | null
  process_index: number | null
  attempt: number | null
  attempts: number
  started_at: string | null
  bound: boolean
}

/** A line that a search found. */
export interface LogHit {
  line: number | null
  offset: number
  at: number
  text: string
  ranges: [number, number][]
  cut: boolean
  before: LogLine[]
  after: LogLine[]
}

/** A piece of a log, and what was told with it. */
export interface Reading {
  part: Part
  head: LogHead
  task: LogTask | null
  encoding: string
  badBytes: number
  binary: boolean
}

/** What a search tells as it goes. */
export type SearchEvent =
  | ({ event: 'hit' } & LogHit)
  | { event: 'progress'; scanned: number; size: number; total: number }
  | { event: 'end'; scanned: number; total: number; listed: number; complete: boolean; generation: number }
