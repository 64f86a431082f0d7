// GPUs: what is asked, and the shapes of the answers.
import { api, bodyOf, type Schemas } from '@/api'

export type GpuReport = Schemas['GpuReport']
export type Gpu = Schemas['GpuEntry']
export type GpuProcess = Schemas['ProcessEntry']
export type HostReport = Schemas['HostReport']
export type Usage = Schemas['Usage']
export type TaskRef = Schemas['TaskRef']
export type Vendor = Schemas['Vendor']

export * from './ending'
export * from './free'
export * from './holders'
export * from './past'
export * from './trace'

export function readGpus(signal?: AbortSignal): Promise<GpuReport> {
  return bodyOf(api.GET('/api/gpu', { signal }))
}

/** The report that the entries of the topic `gpu` make; null before they are whole. */
export function reportOf(entries: ReadonlyMap<string, unknown>): GpuReport | null {
  const report = entries.get('report') as Omit<GpuReport, 'gpus' | 'host'> | undefined
  const host = entries.get('host') as HostReport | undefined
  if (!report || !host) return null
  const gpus: Gpu[] = []
  for (const [key, entry] of entries) if (key !== 'report' && key !== 'host') gpus.push(entry as Gpu)
  gpus.sort((a, b) => a.index - b.index)
  return { ...report, host, gpus }
}

/** An ad-hoc task that holds a GPU, with or without a process there. */
export interface Sitting {
  id: number
  name: string | null
}

/** Who sits where, by the GPU's index, from the entries of the topic `seats`; empty GPUs are not in it. */
export function seatsOf(entries: ReadonlyMap<string, unknown>): Map<number, Sitting[]> {
  const seats = new Map<number, Sitting[]>()
  for (const [index, { tasks }] of entries as ReadonlyMap<string, { tasks: Sitting[] }>) if (tasks.length) seats.set(Number(index), tasks)
  return seats
}
