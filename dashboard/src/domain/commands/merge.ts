// Two people changed one file: a three-way merge by task. Base, mine and theirs share the keys of what they have in common.
import { find, newKey, sameCommands, sameTask, type Queue, type Task, type Tree } from './tree'

/** A task that both changed, or that one changed and the other removed (null). */
export interface Conflict {
  key: number
  queueId: number
  base: Task | null
  mine: Task | null
  theirs: Task | null
}

export interface Merged {
  tree: Tree
  conflicts: Conflict[]
}

export type Side = 'mine' | 'theirs'

/** One value of three: who changed it wins; `undefined` when both did, differently. */
function pick<T>(base: T, mine: T, theirs: T, same: (a: T, b: T) => boolean): T | undefined {
  if (same(mine, theirs) || same(base, theirs)) return mine
  return same(base, mine) ? theirs : undefined
}

function mergeTask(base: Task, mine: Task, theirs: Task): Task | undefined {
  const commands = pick(base.commands, mine.commands, theirs.commands, sameCommands)
  const gpuCount = pick(base.gpuCount, mine.gpuCount, theirs.gpuCount, Object.is)
  const memory = pick(base.memory, mine.memory, theirs.memory, Object.is)
  if (commands === undefined || gpuCount === undefined || memory === undefined) return undefined
  return { key: base.key, commands, gpuCount, memory }
}

/** An order out of three: mine where I changed it, with what they added behind its neighbour. */
function mergeOrder(base: readonly number[], mine: readonly number[], theirs: readonly number[]): number[] {
  const has = new Set(mine)
  const common = (list: readonly number[], others: readonly number[]) => {
    const known = new Set(others)
    return list.filter((key) => known.has(key))
  }
  const iMoved = common(mine, base).join() !== common(base, mine).join()
  const [lead, follow] = iMoved ? [mine, theirs] : [theirs, mine]
  const order = [...lead]
  const led = new Set(lead)
  follow.forEach((key, at) => {
    if (led.has(key)) return
    const neighbour = follow.slice(0, at).findLast((one) => led.has(one))
    order.splice(neighbour === undefined ? 0 : order.indexOf(neighbour) + 1, 0, key)
    led.add(key)
  })
  // What one removed and the other left alone goes; the caller has decided what stays.
  return order.filter((key) => has.has(key) || theirs.includes(key))
}

interface Flat {
  tasks: Map<number, Task>
  /** Key of the queue that a task stands in. */
  home: Map<number, number>
  queues: Map<number, Queue>
}

function flat(tree: Tree): Flat {
  const found: Flat = { tasks: new Map(), home: new Map(), queues: new Map() }
  for (const queue of tree) {
    found.queues.set(queue.key, queue)
    for (const task of queue.tasks) {
      found.tasks.set(task.key, task)
      found.home.set(task.key, queue.key)
    }
  }
  return found
}

/** Merges what two made of one file. A conflict stands in the tree as mine. */
export function merge(base: Tree, mineTree: Tree, theirs: Tree): Merged {
  const mine = sameIds(mineTree, theirs)
  const [b, m, t] = [flat(base), flat(mine), flat(theirs)]
  const conflicts: Conflict[] = []
  const result = new Map<number, Task>()
  for (const key of new Set([...t.tasks.keys(), ...m.tasks.keys()])) {
    const [was, ours, other] = [b.tasks.get(key) ?? null, m.tasks.get(key) ?? null, t.tasks.get(key) ?? null]
    const home = m.home.get(key) ?? t.home.get(key)!
    const queueId = (m.queues.get(home) ?? t.queues.get(home))!.id
    const clash = () => conflicts.push({ key, queueId, base: was, mine: ours, theirs: other })
    if (ours && other) {
      const both = mergeTask(was ?? ours, ours, other)
      if (!both) clash()
      result.set(key, both === undefined ? ours : sameTask(both, other) ? other : both)
    } else {
      const kept = (ours ?? other)!
      if (!was) result.set(key, kept)
      // The other side removed it: only an unchanged task goes without a word.
      else if (!sameTask(was, kept)) {
        clash()
        if (ours) result.set(key, ours)
      }
    }
  }
  return { tree: assemble(base, mine, theirs, b, m, t, result), conflicts }
}

function assemble(base: Tree, mine: Tree, theirs: Tree, b: Flat, m: Flat, t: Flat, result: Map<number, Task>): Tree {
  const homeOf = (key: number): number => {
    const [was, ours, other] = [b.home.get(key), m.home.get(key), t.home.get(key)]
    return (ours === undefined ? other : other === undefined || ours !== was ? ours : other)!
  }
  const members = new Map<number, Set<number>>()
  for (const key of result.keys()) {
    const home = homeOf(key)
    members.set(home, (members.get(home) ?? new Set()).add(key))
  }
  const keys = (queue: Queue | undefined) => queue?.tasks.map((task) => task.key) ?? []
  const order = mergeOrder(base.map((queue) => queue.key), mine.map((queue) => queue.key), theirs.map((queue) => queue.key))
  return order.flatMap((key): Queue[] => {
    const [was, ours, other] = [b.queues.get(key), m.queues.get(key), t.queues.get(key)]
    const own = members.get(key)
    if (!own) return []
    const listed = mergeOrder(keys(was), keys(ours), keys(other))
    const tasks = [...listed, ...own].filter((one, at, all) => own.has(one) && all.indexOf(one) === at).map((one) => result.get(one)!)
    const id = ours && other ? (ours.id !== was?.id ? ours.id : other.id) : (ours ?? other)!.id
    return [other && id === other.id && same(tasks, other.tasks) ? other : { key, id, tasks }]
  })
}

const same = (a: readonly Task[], b: readonly Task[]): boolean => a.length === b.length && a.every((task, at) => task === b[at])

/** Queues of mine that are new, with an id that is new in theirs too: one queue, as the file would have it. */
function sameIds(mine: Tree, theirs: Tree): Tree {
  const keys = new Set(theirs.map(({ key }) => key))
  const byId = new Map(theirs.map((queue) => [queue.id, queue.key]))
  const own = new Set(mine.map(({ key }) => key))
  return mine.map((queue) => {
    const key = byId.get(queue.id)
    return keys.has(queue.key) || key === undefined || own.has(key) ? queue : { ...queue, key }
  })
}

/** The merged tree with one conflict decided. */
export function decide({ tree }: Merged, conflict: Conflict, side: Side): Tree {
  const wanted = conflict[side]
  if (!wanted) return without(tree, conflict.key)
  if (find(tree, conflict.key)) {
    return tree.map((queue) =>
      queue.tasks.some((task) => task.key === conflict.key)
        ? { ...queue, tasks: queue.tasks.map((task) => (task.key === conflict.key ? wanted : task)) }
        : queue,
    )
  }
  // It was removed on the side that stands in the tree: back into its queue, at the end.
  if (tree.some(({ id }) => id === conflict.queueId)) {
    return tree.map((queue) => (queue.id === conflict.queueId ? { ...queue, tasks: [...queue.tasks, wanted] } : queue))
  }
  return [...tree, { key: newKey(), id: conflict.queueId, tasks: [wanted] }]
}

function without(tree: Tree, key: number): Tree {
  return tree
    .map((queue) => (queue.tasks.some((task) => task.key === key) ? { ...queue, tasks: queue.tasks.filter((task) => task.key !== key) } : queue))
    .filter((queue) => queue.tasks.length)
}
