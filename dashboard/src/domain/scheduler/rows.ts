// The status page as a list of rows: runs, their queues, their tasks; filtered, folded. Only the rows that are seen are drawn.
import type { Task, TaskState } from '.'
import type { QueueHead, RunInfo, RunTree } from './tree'

/** Which tasks are shown. */
export const SHOWN = ['all', 'running', 'waiting', 'failed', 'done'] as const
export type Shown = (typeof SHOWN)[number]

/** A run that may be unfolded; its tasks may not have come yet. */
export interface RunEntry {
  /** What its folding is remembered by. */
  key: string
  running: boolean
  run: RunInfo
  tree: RunTree | null
}

export type Row =
  | { kind: 'run'; id: string; entry: RunEntry; open: boolean }
  | { kind: 'queue'; id: string; entry: RunEntry; queue: QueueHead; open: boolean; key: string }
  | { kind: 'task'; id: string; entry: RunEntry; queue: QueueHead; task: Task }
  | { kind: 'note'; id: string; entry: RunEntry; note: 'loading' | 'nothing' | 'empty' }

export interface Filter {
  show: Shown
  /** Words that must all be found. */
  text: string
}

const GROUPS: Record<TaskState, Exclude<Shown, 'all'> | null> = {
  running: 'running',
  pending: 'waiting',
  retrying: 'waiting',
  failed: 'failed',
  completed: 'done',
  skipped: 'done',
  stopped: null,
}

// Tasks are new objects whenever they change, so what is made of one holds for as long as it does.
const texts = new WeakMap<Task, string>()
function textOf(task: Task): string {
  let text = texts.get(task)
  if (text === undefined) {
    text = [...task.commands, task.task_id, task.last_error ?? ''].join('\n').toLowerCase()
    texts.set(task, text)
  }
  return text
}

/** Whether a filter hides anything. */
export const filters = (filter: Filter): boolean => filter.show !== 'all' || filter.text.trim() !== ''

/** `folded`: keys of runs and queues that are not as they are by default; a run that lives is open, a queue too. */
export function rowsOf(entries: readonly RunEntry[], filter: Filter, turned: ReadonlySet<string>): Row[] {
  const rows: Row[] = []
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean)
  const sifts = filters(filter)
  const fits = (task: Task, queue: QueueHead) => {
    if (filter.show !== 'all' && GROUPS[task.state] !== filter.show) return false
    return words.every((word) => textOf(task).includes(word) || word === `q${queue.id}`)
  }
  for (const entry of entries) {
    const { key, tree } = entry
    const open = isOpen(entry, turned) || sifts
    const at = rows.length
    rows.push({ kind: 'run', id: key, entry, open })
    if (!open) continue
    if (!tree) {
      rows.push({ kind: 'note', id: `${key}/loading`, entry, note: 'loading' })
      continue
    }
    for (const { queue, tasks } of tree.queues) {
      const found = sifts ? tasks.filter((task) => fits(task, queue)) : tasks
      if (sifts && !found.length) continue
      const name = `${key}/${queue.id}`
      const unfolded = sifts || !turned.has(name)
      rows.push({ kind: 'queue', id: name, entry, queue, open: unfolded, key: name })
      if (!unfolded) continue
      for (const task of found) rows.push({ kind: 'task', id: `${key}/${task.task_id}`, entry, queue, task })
    }
    if (rows.length > at + 1) continue
    if (sifts) rows.pop()
    else rows.push({ kind: 'note', id: `${key}/empty`, entry, note: 'empty' })
  }
  return rows
}

/** A run whose scheduler lives is open until it is folded; one that has ended is folded until it is opened. */
export function isOpen({ key, running }: RunEntry, turned: ReadonlySet<string>): boolean {
  return running !== turned.has(key)
}
