// Ending GPU processes: what would become of each, and what did.
import { api, bodyOf, type Schemas } from '@/api'

/** A process as the daemon tells it when asked: with where it comes from, and how it would be ended. */
export type ProcessDetail = Schemas['GpuProcessEntry']
export type KillSignal = Schemas['KillSignal']
export type KillAnswer = Schemas['KillAnswer']

/** The daemon ends no more in one call. */
export const MOST_AT_ONCE = 20

export function readProcesses(signal?: AbortSignal): Promise<Schemas['GpuProcesses']> {
  return bodyOf(api.GET('/api/gpu/processes', { signal }))
}

interface Named {
  pid: number
  start_time: string
}

/** Ends processes; each is named by its start time too, so that no later one with its pid is hit. */
export function endProcesses(processes: readonly Named[], signal: KillSignal): Promise<KillAnswer> {
  const named = processes.map(({ pid, start_time }) => ({ pid, start_time }))
  return bodyOf(api.POST('/api/gpu/processes/kill', { body: { processes: named, signal } }))
}

/** What became of one process. */
export interface Outcome {
  ended: boolean
  code: string
  message: string
}

export const nameOf = ({ pid, start_time }: Named): string => `${pid}@${start_time}`

/** What became of each, by name. */
export function outcomesOf({ killed, failed }: KillAnswer): Map<string, Outcome> {
  return new Map<string, Outcome>([
    ...killed.map((one) => [nameOf(one), { ended: true, code: one.code, message: one.message }] as [string, Outcome]),
    ...failed.map((one) => [nameOf(one), { ended: false, code: one.code, message: one.message }] as [string, Outcome]),
  ])
}

/** One that has gone by itself needs no second try. */
export const isOver = ({ ended, code }: Outcome): boolean => ended || code === 'gone' || code === 'reused'

/** What people look for in a process. */
export function textOf(process: Schemas['ProcessEntry']): string {
  const { pid, username, name, command, container, terminal } = process
  return [pid, username, name, command, container?.id, terminal?.session].filter((one) => one != null).join('\n').toLowerCase()
}
