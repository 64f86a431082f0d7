// The queue editor's values: queues and tasks with keys of their own, and every edit as a function from tree to tree.
// What an edit does not touch stays the same object, so that a change of one task costs as little among ten thousand.

/** A task as it stands in a command file. Its key is the page's own and outlives every edit. */
export interface Task {
  readonly key: number
  readonly commands: readonly string[]
  readonly gpuCount: number
  /** GiB on each GPU. */
  readonly memory: number
}

export interface Queue {
  readonly key: number
  readonly id: number
  readonly tasks: readonly Task[]
}

export type Tree = readonly Queue[]

/** What of a task can be changed. */
export type TaskFields = Partial<Omit<Task, 'key'>>

let lastKey = 0
export const newKey = (): number => ++lastKey

export function newTask(fields: TaskFields = {}): Task {
  return { commands: [], gpuCount: 1, memory: 1, ...fields, key: newKey() }
}

/** Whether two tasks would be written alike. */
export function sameTask(a: Task, b: Task): boolean {
  return a === b || (a.gpuCount === b.gpuCount && a.memory === b.memory && sameCommands(a.commands, b.commands))
}

export function sameCommands(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((command, at) => command === b[at]))
}

/** Where a task stands. */
export interface Place {
  queue: Queue
  /** Index of the queue in the tree, and of the task in its queue. */
  at: number
  index: number
  task: Task
}

export function find(tree: Tree, key: number): Place | undefined {
  for (const [at, queue] of tree.entries()) {
    const index = queue.tasks.findIndex((task) => task.key === key)
    if (index >= 0) return { queue, at, index, task: queue.tasks[index]! }
  }
  return undefined
}

export const findQueue = (tree: Tree, key: number): Queue | undefined => tree.find((queue) => queue.key === key)

export const countTasks = (tree: Tree): number => tree.reduce((sum, queue) => sum + queue.tasks.length, 0)

/** The first id that no queue has, above all there are. */
export const freeId = (tree: Tree): number => tree.reduce((most, { id }) => Math.max(most, id), 0) + 1

/** Ids that more than one queue has: they cannot be saved. */
export function doubleIds(tree: Tree): Set<number> {
  const seen = new Set<number>()
  return new Set(tree.filter(({ id }) => seen.size === seen.add(id).size).map(({ id }) => id))
}

function withTasks(queue: Queue, tasks: readonly Task[]): Queue {
  return tasks === queue.tasks ? queue : { ...queue, tasks }
}

function replaced<T>(list: readonly T[], change: (one: T) => T): readonly T[] {
  let touched = false
  const next = list.map((one) => {
    const changed = change(one)
    touched ||= changed !== one
    return changed
  })
  return touched ? next : list
}

/** Changes fields of some tasks. */
export function setTasks(tree: Tree, keys: ReadonlySet<number>, fields: TaskFields): Tree {
  const change = (task: Task): Task => {
    if (!keys.has(task.key)) return task
    const next = { ...task, ...fields }
    return sameTask(task, next) ? task : next
  }
  return replaced(tree, (queue) => withTasks(queue, replaced(queue.tasks, change)))
}

export function setQueueId(tree: Tree, key: number, id: number): Tree {
  return replaced(tree, (queue) => (queue.key === key && queue.id !== id ? { ...queue, id } : queue))
}

export function insertQueue(tree: Tree, tasks: readonly Task[], at = tree.length, id = freeId(tree)): Tree {
  return tree.toSpliced(at, 0, { key: newKey(), id, tasks })
}

/** Puts tasks into a queue, before the one at `index`. */
export function insertTasks(tree: Tree, queueKey: number, tasks: readonly Task[], index = Infinity): Tree {
  return replaced(tree, (queue) => (queue.key === queueKey ? withTasks(queue, queue.tasks.toSpliced(index, 0, ...tasks)) : queue))
}

/** Removes queues and tasks. A queue that has lost its last task goes too: a command file cannot hold an empty one. */
export function remove(tree: Tree, keys: ReadonlySet<number>): Tree {
  const left = replaced(tree, (queue) => {
    const tasks = queue.tasks.filter((task) => !keys.has(task.key))
    return tasks.length === queue.tasks.length ? queue : withTasks(queue, tasks)
  })
  const kept = left.filter((queue) => !keys.has(queue.key) && (queue.tasks.length || findQueue(tree, queue.key)?.tasks.length === 0))
  return kept.length === tree.length ? left : kept
}

const copyOf = (task: Task): Task => ({ ...task, key: newKey() })

/** Copies queues (behind themselves, with a free id) and tasks (behind themselves). */
export function duplicate(tree: Tree, keys: ReadonlySet<number>): Tree {
  let next: Tree = tree.map((queue) => {
    if (keys.has(queue.key) || !queue.tasks.some((task) => keys.has(task.key))) return queue
    return { ...queue, tasks: queue.tasks.flatMap((task) => (keys.has(task.key) ? [task, copyOf(task)] : [task])) }
  })
  for (const queue of tree) {
    if (!keys.has(queue.key)) continue
    next = insertQueue(next, queue.tasks.map(copyOf), next.findIndex(({ key }) => key === queue.key) + 1)
  }
  return next
}

/** Moves tasks, in the order of the tree, to before the `index`th of the tasks that stay in a queue. */
export function moveTasks(tree: Tree, keys: ReadonlySet<number>, queueKey: number, index: number): Tree {
  const moved = tree.flatMap((queue) => queue.tasks.filter((task) => keys.has(task.key)))
  if (!moved.length || !findQueue(tree, queueKey)) return tree
  const next = tree.map((queue) => {
    const stay = queue.tasks.filter((task) => !keys.has(task.key))
    if (queue.key === queueKey) return { ...queue, tasks: stay.toSpliced(index, 0, ...moved) }
    return stay.length === queue.tasks.length ? queue : { ...queue, tasks: stay }
  })
  return next.filter((queue) => queue.tasks.length || findQueue(tree, queue.key)?.tasks.length === 0)
}

export function moveQueue(tree: Tree, key: number, index: number): Tree {
  const from = tree.findIndex((queue) => queue.key === key)
  const to = Math.max(0, Math.min(index, tree.length - 1))
  if (from < 0 || from === to) return tree
  return tree.toSpliced(from, 1).toSpliced(to, 0, tree[from]!)
}

/** One step up (-1) or down (1): a queue among queues; a task in its queue, and over its ends into the next one. */
export function step(tree: Tree, key: number, by: 1 | -1): Tree {
  const queueAt = tree.findIndex((queue) => queue.key === key)
  if (queueAt >= 0) return moveQueue(tree, key, queueAt + by)
  const place = find(tree, key)
  if (!place) return tree
  const keys = new Set([key])
  const to = place.index + by
  if (to >= 0 && to < place.queue.tasks.length) return moveTasks(tree, keys, place.queue.key, to)
  const beside = tree[place.at + by]
  return beside ? moveTasks(tree, keys, beside.key, by < 0 ? beside.tasks.length : 0) : tree
}
