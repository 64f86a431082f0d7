// The past of the GPUs as the daemon kept it: for the charts, and to begin the small lines with.
import { api, bodyOf, type Schemas } from '@/api'
import { STEP, Traces, type Trace } from './trace'

export type GpuHistory = Schemas['GpuHistory']

/** Spans that a chart can show, in minutes. */
export const SPANS = [10, 30, 60] as const

/** What a chart is drawn from. */
export interface Past {
  /** Seconds since the epoch. */
  at: number[]
  /** Percent. */
  load: (number | null)[]
  memory: (number | null)[]
}

export function readHistory(minutes: number, signal?: AbortSignal): Promise<GpuHistory> {
  return bodyOf(api.GET('/api/gpu/history', { params: { query: { minutes } }, signal }))
}

const share = (used: number | null | undefined, total: number | null) => (used == null || !total ? null : (used / total) * 100)

/** One GPU of a history; empty where it was not there. */
export function pastOf({ times, gpus }: GpuHistory, uuid: string): Past {
  const gpu = gpus.find((one) => one.uuid === uuid)
  if (!gpu) return { at: [], load: [], memory: [] }
  return {
    at: times.map((time) => Date.parse(time) / 1000),
    load: times.map((_, at) => gpu.utilization[at] ?? null),
    memory: times.map((_, at) => share(gpu.memory_used[at], gpu.memory_total)),
  }
}

/** With what has come since, live. */
export function continued(past: Past, trace: Trace): Past {
  const last = past.at.at(-1) ?? 0
  const fresh = trace.filter(({ step }) => (step * STEP) / 1000 > last)
  return {
    at: [...past.at, ...fresh.map(({ step }) => (step * STEP) / 1000)],
    load: [...past.load, ...fresh.map(({ utilization }) => utilization)],
    memory: [...past.memory, ...fresh.map(({ memory }) => memory)],
  }
}

/** The small lines of all GPUs. */
export function tracesOf(history: GpuHistory): Traces {
  const traces = new Traces()
  for (const gpu of history.gpus) {
    history.times.forEach((time, at) => traces.add(gpu.uuid, Date.parse(time), gpu.utilization[at] ?? null, share(gpu.memory_used[at], gpu.memory_total)))
  }
  return traces
}
