// The last minutes of every GPU, in steps: what the small lines on the cards are drawn from.
import type { Schemas } from '@/api'

/** Milliseconds of one step; the mean of what falls into it is its value. */
export const STEP = 5_000
/** Steps that are kept: ten minutes. */
export const STEPS = 120

/** One step; a figure that no reading had is null. */
export interface Point {
  /** Number of the step since the epoch. */
  step: number
  utilization: number | null
  memory: number | null
}

interface Filling extends Point {
  counts: [number, number]
}

export type Trace = readonly Point[]

const meanWith = (mean: number | null, count: number, value: number) => ((mean ?? 0) * count + value) / (count + 1)

export class Traces {
  private readonly points = new Map<string, Filling[]>()

  of(uuid: string): Trace {
    return this.points.get(uuid) ?? []
  }

  /** Takes one reading in. One that is older than what is there is dropped. */
  add(uuid: string, at: number, utilization: number | null, memory: number | null): void {
    const list = this.points.get(uuid) ?? []
    this.points.set(uuid, list)
    const step = Math.floor(at / STEP)
    let last = list.at(-1)
    if (last && step < last.step) return
    if (last?.step !== step) {
      last = { step, utilization: null, memory: null, counts: [0, 0] }
      list.push(last)
      while ((list[0]?.step ?? step) <= step - STEPS) list.shift()
    }
    if (utilization !== null) last.utilization = meanWith(last.utilization, last.counts[0]++, utilization)
    if (memory !== null) last.memory = meanWith(last.memory, last.counts[1]++, memory)
  }

  /** Takes a whole report in. */
  take(report: Schemas['GpuReport']): void {
    if (report.stale) return
    const at = Date.parse(report.timestamp)
    for (const gpu of report.gpus) this.add(gpu.uuid, at, gpu.utilization.gpu, gpu.memory?.percent ?? null)
  }
}
