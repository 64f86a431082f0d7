// GPUs: what is asked, and what is worked out from it.
import { api, bodyOf, type Schemas } from '@/api'

export type GpuReport = Schemas['GpuReport']
export type Gpu = Schemas['GpuEntry']
export type GpuProcess = Schemas['ProcessEntry']
export type HostReport = Schemas['HostReport']

export function readGpus(signal?: AbortSignal): Promise<GpuReport> {
  return bodyOf(api.GET('/api/gpu', { signal }))
}

/** A GPU is free when it can be read and nobody has a process on it. */
export function isFree(gpu: Gpu): boolean {
  return gpu.health.state === 'ok' && gpu.processes != null && gpu.processes.length === 0
}
