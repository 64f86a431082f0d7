// The tree as rows: what is unfolded and fits the filter, in order. Rows of queues that did not change are not made again.
import type { Queue, Task, Tree } from './tree'

export type Row =
  | { kind: 'queue'; key: number; queue: Queue; at: number; of: number; open: boolean }
  | { kind: 'task'; key: number; queue: Queue; task: Task; at: number; of: number; open: boolean }

export interface Shape {
  /** Unfolded queues and tasks. */
  open: ReadonlySet<number>
  /** In lower case; empty for all. */
  filter: string
}

const fits = (task: Task, filter: string): boolean => task.commands.some((command) => command.toLowerCase().includes(filter))

function rowsOf(queue: Queue, at: number, of: number, { open, filter }: Shape): Row[] {
  const whole = filter === '' || String(queue.id) === filter
  const tasks = whole ? queue.tasks : queue.tasks.filter((task) => fits(task, filter))
  if (!whole && !tasks.length) return []
  const unfolded = filter !== '' || open.has(queue.key)
  const rows: Row[] = [{ kind: 'queue', key: queue.key, queue, at, of, open: unfolded }]
  if (!unfolded) return rows
  const places = new Map(whole ? [] : queue.tasks.map((task, place) => [task.key, place]))
  for (const [place, task] of tasks.entries()) {
    rows.push({ kind: 'task', key: task.key, queue, task, at: places.get(task.key) ?? place, of: queue.tasks.length, open: open.has(task.key) })
  }
  return rows
}

/** Makes rows, and remembers those of each queue until it, its place or the shape is another. */
export function rowMaker(): (tree: Tree, shape: Shape) => Row[] {
  let kept = new WeakMap<Queue, { at: number; of: number; rows: Row[] }>()
  let last: Shape | null = null
  return (tree, shape) => {
    if (last?.open !== shape.open || last.filter !== shape.filter) kept = new WeakMap()
    last = shape
    return tree.flatMap((queue, at) => {
      const known = kept.get(queue)
      if (known && known.at === at && known.of === tree.length) return known.rows
      const rows = rowsOf(queue, at, tree.length, shape)
      kept.set(queue, { at, of: tree.length, rows })
      return rows
    })
  }
}
