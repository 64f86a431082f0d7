// Schedulers, their runs and tasks: what is asked and told, and what is worked out from it.
import { api, bodyOf, type Schemas } from '@/api'
import type { RunInfo } from './tree'

/** A run, less what only its scheduler has a use for. */
export type Run = Omit<Schemas['Run'], 'head_reasons' | 'class_reasons'>
export type Queue = Schemas['Queue']
export type Task = Schemas['Task']
export type Reason = Schemas['ShownReason']
export type Mode = Schemas['Mode']
export type RunState = Schemas['RunState']
export type TaskState = Schemas['TaskState']

export * from './failed'
export * from './rows'
export * from './tree'

/** One command file. */
export interface ConfigKey {
  mode: Mode
  index: number
}

/** `single_0`: the name of a command file in topics and keys. */
export const keyOf = ({ mode, index }: ConfigKey): string => `${mode}_${index}`

/** A run as the topic `schedulers` tells it: without its queues, and whether its scheduler lives. */
export interface RunHead {
  running: boolean
  run: RunInfo
  /** How many runs of this command file there are. */
  runs: number
}

/** Order of keys: single before multi, as everywhere, then by number. */
export function byKey(a: string, b: string): number {
  return Number(a.startsWith('multi')) - Number(b.startsWith('multi')) || a.localeCompare(b, 'en', { numeric: true })
}

/** The command file that a key names; null for any other key. */
export function configOf(key: string): ConfigKey | null {
  const [, mode, index] = /^(single|multi)_(\d+)$/.exec(key) ?? []
  return mode === undefined ? null : { mode: mode as Mode, index: Number(index) }
}

/** Where a task of this root is shown: its run, unfolded, with the task in sight; an ad-hoc task has a page of its own. */
export function taskPlace({ mode, root, run_id, task_id }: Schemas['TaskRef']) {
  if (root !== null) return null
  return mode === null ? { path: `/tasks/${task_id}` } : { path: '/state', query: { run: run_id, task: task_id } }
}

/** Whether anything of a run is left to be done, so that it can be resumed. */
export function canResume(run: RunInfo): boolean {
  return run.completed_tasks < run.total_tasks
}

/** The runs whose schedulers live, with their tasks. */
export async function readRunning(signal?: AbortSignal): Promise<Run[]> {
  return (await bodyOf(api.GET('/api/scheduler/running', { signal }))).schedulers
}

/** All runs, newest first, without their tasks. */
export async function readRuns(signal?: AbortSignal): Promise<RunInfo[]> {
  return (await bodyOf(api.GET('/api/scheduler/runs', { signal }))).runs
}

/** One run with its tasks. */
export function readRun(runId: string, signal?: AbortSignal): Promise<Run> {
  return bodyOf(api.GET('/api/scheduler/runs/{run_id}', { params: { path: { run_id: runId } }, signal }))
}

/** Deletes a run that has ended, with its logs. */
export function deleteRun(runId: string) {
  return bodyOf(api.DELETE('/api/scheduler/runs/{run_id}', { params: { path: { run_id: runId } } }))
}

/** Starts a command file's scheduler: afresh, or where the last run stood. */
export function start({ mode, index }: ConfigKey, resume: boolean) {
  return bodyOf(
    api.POST('/api/scheduler/{mode}/start', { params: { path: { mode }, query: { config_index: index } }, body: { resume } }),
  )
}

/** How a scheduler ends: its tasks with it, after its tasks, or without them. */
export type StopKind = 'stop' | 'drain' | 'detach'

export function stop({ mode, index }: ConfigKey, kind: StopKind) {
  return bodyOf(
    api.POST('/api/scheduler/{mode}/stop', {
      params: { path: { mode }, query: { config_index: index } },
      body: { drain: kind === 'drain', detach: kind === 'detach' },
    }),
  )
}

/** What can be done to one task of a running scheduler. */
export type TaskAction = 'retry' | 'skip' | 'stop'

export function act(taskId: string, action: TaskAction) {
  return bodyOf(api.POST('/api/scheduler/tasks/{task_id}/{action}', { params: { path: { task_id: taskId, action } } }))
}
