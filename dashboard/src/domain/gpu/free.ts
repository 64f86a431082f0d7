// Which GPUs are free, and how a program is told to use them.
import type { Schemas } from '@/api'

type Gpu = Schemas['GpuEntry']
type Vendor = Schemas['Vendor']

/** Where a GPU stands for somebody who looks for one. */
export type Standing = 'free' | 'held' | 'busy' | 'unknown' | 'lost' | 'unreadable'

/** `held`: indices of GPUs that tasks hold, whether or not their processes have come up. */
export function standingOf(gpu: Gpu, held: ReadonlySet<number>): Standing {
  if (gpu.health.state !== 'ok') return gpu.health.state
  if (gpu.processes?.length || gpu.hidden_processes) return 'busy'
  if (held.has(gpu.index)) return 'held'
  return gpu.processes === null ? 'unknown' : 'free'
}

/** The GPU with the most free memory, of those that can be read. */
export function roomiest(gpus: readonly Gpu[]): Gpu | null {
  const readable = gpus.filter((gpu) => gpu.health.state === 'ok' && gpu.memory !== null)
  return readable.reduce<Gpu | null>((best, gpu) => ((gpu.memory?.free ?? 0) > (best?.memory?.free ?? 0) ? gpu : best), null)
}

const VARIABLE: Record<Vendor, string> = {
  nvidia: 'CUDA_VISIBLE_DEVICES',
  simulated: 'CUDA_VISIBLE_DEVICES',
  amd: 'ROCR_VISIBLE_DEVICES',
  intel: 'ZE_AFFINITY_MASK',
}

/**
 * What lets a program see these GPUs and no others: `CUDA_VISIBLE_DEVICES=2,5`. Each maker counts its own GPUs from 0, so
 * `all` has to be every GPU of the host.
 */
export function visibility(chosen: readonly Gpu[], all: readonly Gpu[]): string {
  const words: string[] = []
  for (const vendor of Object.keys(VARIABLE) as Vendor[]) {
    const own = all.filter((gpu) => gpu.vendor === vendor)
    const places = chosen.filter((gpu) => gpu.vendor === vendor).map((gpu) => own.findIndex((one) => one.uuid === gpu.uuid))
    if (places.length) words.push(`${VARIABLE[vendor]}=${places.join(',')}`)
  }
  return words.join(' ')
}

/** The same for a shell, with what makes CUDA and Level Zero count as the driver does. */
export function exported(variables: string): string {
  const order = [
    variables.includes('CUDA_VISIBLE_DEVICES') && 'CUDA_DEVICE_ORDER=PCI_BUS_ID',
    variables.includes('ZE_AFFINITY_MASK') && 'ZE_ENABLE_PCI_ID_DEVICE_ORDER=1',
  ]
  return ['export', ...order.filter(Boolean), variables].join(' ')
}
