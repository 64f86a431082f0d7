// A run with its queues and tasks, put together from the live topic or from one answer.
import type { Queue, Run, Task } from '.'

export type QueueHead = Omit<Queue, 'processes'>

/** A run without its queues, as topics tell it. */
export type RunInfo = Omit<Run, 'queues'>

export interface QueueTree {
  queue: QueueHead
  /** In order. */
  tasks: Task[]
}

export interface RunTree {
  run: RunInfo
  /** By id. */
  queues: QueueTree[]
}

/** From the entries of `run:ID`; null before they are whole. */
export function treeOf(entries: ReadonlyMap<string, unknown>): RunTree | null {
  const run = entries.get('run') as RunInfo | undefined
  if (!run) return null
  const queues = new Map<number, QueueTree>()
  for (const [key, entry] of entries) {
    if (!key.startsWith('queue:')) continue
    const queue = entry as QueueHead
    queues.set(queue.id, { queue, tasks: [] })
  }
  for (const [key, entry] of entries) {
    if (!key.startsWith('task:')) continue
    const task = entry as Task & { queue_id: number }
    queues.get(task.queue_id)?.tasks.push(task)
  }
  for (const { tasks } of queues.values()) tasks.sort((a, b) => a.index - b.index)
  return { run, queues: sorted([...queues.values()]) }
}

/** From a run as one answer has it. */
export function treeOfRun({ queues, ...run }: Run): RunTree {
  return { run, queues: sorted(Object.values(queues).map(({ processes, ...queue }) => ({ queue, tasks: processes }))) }
}

const sorted = (queues: QueueTree[]) => queues.sort((a, b) => a.queue.id - b.queue.id)

/** The tasks that run, in whichever queue. */
export function runningTasks(tree: RunTree): Task[] {
  return tree.queues.flatMap(({ tasks }) => tasks.filter((task) => task.state === 'running'))
}
