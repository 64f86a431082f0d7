// Logs that are bound beside tasks: files that the commands write themselves.
import { api, bodyOf, type Schemas } from '@/api'
import type { ConfigKey } from '@/domain/scheduler'

export type Binding = Schemas['LogBinding']

/** A task of a saved command file: its queue, and its place there from 0. */
export interface BoundTask extends ConfigKey {
  queueId: number
  place: number
}

export const bindingKey = ({ mode, index, queueId, place }: BoundTask): string => `${mode}_${index}_${queueId}_${place}`

const of = ({ mode, index, queueId, place }: BoundTask) => ({ mode, config_index: index, queue_id: queueId, process_index: place })

export function readBindings(signal?: AbortSignal): Promise<Record<string, Binding>> {
  return bodyOf(api.GET('/api/log/bindings', { signal })) as Promise<Record<string, Binding>>
}

export function bind(task: BoundTask, path: string) {
  return bodyOf(api.POST('/api/log/bind', { params: { query: { ...of(task), log_path: path } } }))
}

export function unbind(task: BoundTask) {
  return bodyOf(api.DELETE('/api/log/bind', { params: { query: of(task) } }))
}
