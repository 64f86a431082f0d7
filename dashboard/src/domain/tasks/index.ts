// Ad-hoc tasks: made one by one, without a command file. What is asked and told, and what is worked out from it.
import { api, bodyOf, type Schemas } from '@/api'

export type Summary = Schemas['AdhocSummary']
export type AdhocTask = Schemas['AdhocTask']
export type NewTask = Schemas['NewAdhocTask']
export type Counts = Schemas['AdhocCounts']
export type Page = Schemas['AdhocPage']
export type Cancelled = Schemas['AdhocCancelled']

export const STATUSES = ['queued', 'running', 'completed', 'failed', 'cancelled'] as const
export type Status = (typeof STATUSES)[number]

/** Which tasks a list shows. */
export interface Wanted {
  status?: Status
  q?: string
  tag?: string
}

/** Tasks in one answer. */
export const PAGE = 100
/** And the most that the daemon puts into one. */
export const LONGEST_PAGE = 500

export const isOver = (status: Status): boolean => status !== 'queued' && status !== 'running'

/** Newest first. */
export function readTasks(wanted: Wanted, cursor?: string, signal?: AbortSignal, limit = PAGE): Promise<Page> {
  const query = { ...wanted, limit, cursor }
  return bodyOf(api.GET('/api/tasks', { params: { query }, signal }))
}

export function readTask(id: number, signal?: AbortSignal): Promise<AdhocTask> {
  return bodyOf(api.GET('/api/tasks/{id}', { params: { path: { id: String(id) } }, signal }))
}

/** One task, or with a matrix one a combination. */
export function makeTasks(task: NewTask) {
  return bodyOf(api.POST('/api/tasks', { body: task }))
}

/** Changes a task that waits: the fields that are there. */
export function changeTask(id: number, change: Schemas['AdhocChange']): Promise<AdhocTask> {
  return bodyOf(api.PATCH('/api/tasks/{id}', { params: { path: { id: String(id) } }, body: change }))
}

export function cancelTasks(ids: number[]): Promise<Cancelled> {
  return bodyOf(api.POST('/api/tasks/cancel', { body: { ids } }))
}

export function retryTask(id: number) {
  return bodyOf(api.POST('/api/tasks/{id}/retry', { params: { path: { id: String(id) } } }))
}

/** The fields of a new task that is as this one. */
export function cloneOf(id: number, signal?: AbortSignal): Promise<NewTask> {
  return bodyOf(api.POST('/api/tasks/{id}/clone', { params: { path: { id: String(id) } }, signal }))
}

/** Whether a list for `wanted` shows this task, as far as the page can tell; null: only the daemon can. */
export function fits(task: Summary, { status, q, tag }: Wanted): boolean | null {
  if (status && task.status !== status) return false
  if (tag && !task.tags.includes(tag)) return false
  return q ? null : true
}

/**
 * A list with what the live connection told since: newer states in place, what fits now where it belongs, what no longer fits left out.
 * `more`: the list goes on below.
 */
export function merged(list: readonly Summary[], live: ReadonlyMap<number, Summary>, wanted: Wanted, more: boolean): Summary[] {
  const known = new Set(list.map((task) => task.id))
  const lowest = more ? (list.at(-1)?.id ?? 0) : 0
  const fresh = [...live.values()].filter((task) => !known.has(task.id) && task.id > lowest && fits(task, wanted) === true)
  const stand = list.map((task) => live.get(task.id) ?? task).filter((task) => fits(task, wanted) !== false)
  return fresh.length ? [...fresh, ...stand].sort((a, b) => b.id - a.id) : stand
}

/** Whether one of a list goes on, as far as is known, and the live connection, which tells of all that go on, does not know it. */
export const endedUnheard = (list: readonly Summary[], live: ReadonlyMap<number, Summary>): boolean => list.some((task) => !isOver(task.status) && !live.has(task.id))
