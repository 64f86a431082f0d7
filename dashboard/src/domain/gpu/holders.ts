// Who is on the GPUs: users, and the processes of a GPU as lines.
import type { Schemas } from '@/api'
import { nameOf } from './ending'

type Gpu = Schemas['GpuEntry']
type ProcessEntry = Schemas['ProcessEntry']

/** A user with what of the GPUs is theirs. */
export interface Holder {
  /** Null: whose it is cannot be told. */
  user: string | null
  gpus: number[]
  memory: number
}

/** Users by the number of GPUs they are on, the most first. */
export function holders(gpus: readonly Gpu[]): Holder[] {
  const found = new Map<string | null, Holder>()
  for (const gpu of gpus) {
    for (const process of gpu.processes ?? []) {
      const user = process.username
      const holder = found.get(user) ?? { user, gpus: [], memory: 0 }
      found.set(user, holder)
      if (!holder.gpus.includes(gpu.index)) holder.gpus.push(gpu.index)
      holder.memory += process.gpu_memory ?? 0
    }
  }
  return [...found.values()].sort((a, b) => b.gpus.length - a.gpus.length || b.memory - a.memory || (a.user ?? '').localeCompare(b.user ?? ''))
}

/** One process, on one GPU or on several. */
export interface OneProcess extends ProcessEntry {
  /** `4242@77`: never mistaken for a later one with the same pid. */
  key: string
  gpus: number[]
  /** Over all its GPUs; null where none says. */
  memory: number | null
  /** The busiest of its GPUs. */
  utilization: number | null
}

const larger = (a: number | null, b: number | null) => (a === null ? b : b === null ? a : Math.max(a, b))
const sum = (a: number | null, b: number | null) => (a === null ? b : b === null ? a : a + b)

/** Every process once. */
export function processesOf(gpus: readonly Gpu[]): OneProcess[] {
  const found = new Map<string, OneProcess>()
  for (const gpu of gpus) {
    for (const entry of gpu.processes ?? []) {
      const { gpu_index, gpu_memory, gpu_sm_utilization } = entry
      const key = nameOf(entry)
      const known = found.get(key)
      if (!known) {
        found.set(key, { ...entry, key, gpus: [gpu_index], memory: gpu_memory, utilization: gpu_sm_utilization })
        continue
      }
      if (!known.gpus.includes(gpu_index)) known.gpus.push(gpu_index)
      known.memory = sum(known.memory, gpu_memory)
      known.utilization = larger(known.utilization, gpu_sm_utilization)
    }
  }
  return [...found.values()]
}
