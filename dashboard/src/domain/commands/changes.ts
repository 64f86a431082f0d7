// What differs between two trees of the same keys: the unsaved changes, each once, in the order of the tree.
import { sameCommands, sameTask, type Queue, type Task, type Tree } from './tree'

/** A task and where it stands: queue id, and place in the queue from 1. */
export interface Spot {
  queueId: number
  place: number
  task: Task
}

export type Change =
  | { kind: 'queueAdded' | 'queueRemoved'; key: number; queue: Queue }
  | { kind: 'queueId'; key: number; before: number; after: number }
  | { kind: 'queueMoved'; key: number; queue: Queue; before: number; after: number }
  | { kind: 'taskAdded'; key: number; after: Spot }
  | { kind: 'taskRemoved'; key: number; before: Spot }
  | { kind: 'taskChanged'; key: number; before: Spot; after: Spot; moved: boolean }
  | { kind: 'taskMoved'; key: number; before: Spot; after: Spot }

/** Places (from 0) of a longest rising run: these have kept their order, the others have moved. */
export function inOrder(places: readonly number[]): Set<number> {
  const ends: number[] = []
  const before: number[] = []
  for (const [at, place] of places.entries()) {
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (places[ends[middle]!]! < place) low = middle + 1
      else high = middle
    }
    before[at] = low ? ends[low - 1]! : -1
    ends[low] = at
  }
  const kept = new Set<number>()
  for (let at = ends.at(-1) ?? -1; at >= 0; at = before[at]!) kept.add(at)
  return kept
}

interface Origin {
  queue: Queue
  index: number
  task: Task
}

/** All changes from `base` to `mine`. */
export function changes(base: Tree, mine: Tree): Change[] {
  if (base === mine) return []
  const old = new Map(base.map((queue, at) => [queue.key, { queue, at }]))
  const touched = mine.filter((queue) => old.get(queue.key)?.queue !== queue)
  const left = new Set(mine.map(({ key }) => key))
  const gone = base.filter(({ key }) => !left.has(key))

  // Only tasks of queues that are another object can have changed.
  const origins = new Map<number, Origin>()
  for (const queue of [...touched.flatMap(({ key }) => old.get(key)?.queue ?? []), ...gone]) {
    queue.tasks.forEach((task, index) => origins.set(task.key, { queue, index, task }))
  }
  const found: Change[] = []
  const still = new Set<number>()
  const stayed = inOrder(mine.flatMap(({ key }) => old.get(key)?.at ?? []))
  let common = -1
  for (const [at, queue] of mine.entries()) {
    const was = old.get(queue.key)
    if (was) {
      common++
      if (was.queue.id !== queue.id) found.push({ kind: 'queueId', key: queue.key, before: was.queue.id, after: queue.id })
      if (!stayed.has(common)) found.push({ kind: 'queueMoved', key: queue.key, queue, before: was.at + 1, after: at + 1 })
    } else found.push({ kind: 'queueAdded', key: queue.key, queue })
    if (was?.queue !== queue) found.push(...taskChanges(queue, !was, origins, still))
  }
  for (const queue of gone) found.push({ kind: 'queueRemoved', key: queue.key, queue })
  const goneKeys = new Set(gone.map(({ key }) => key))
  for (const { queue, index, task } of origins.values()) {
    if (!still.has(task.key) && !goneKeys.has(queue.key)) found.push({ kind: 'taskRemoved', key: task.key, before: spot(queue, index, task) })
  }
  return found
}

const spot = (queue: Queue, index: number, task: Task): Spot => ({ queueId: queue.id, place: index + 1, task })

/** The changes of one queue's tasks. Those that came with a new queue are part of it. */
function taskChanges(queue: Queue, isNew: boolean, origins: Map<number, Origin>, still: Set<number>): Change[] {
  const own = queue.tasks.map(({ key }) => origins.get(key)).filter((from) => from?.queue.key === queue.key) as Origin[]
  const kept = inOrder(own.map(({ index }) => index))
  const stays = new Set(own.filter((_, at) => kept.has(at)).map(({ task }) => task.key))
  return queue.tasks.flatMap((task, index): Change[] => {
    const from = origins.get(task.key)
    const after = spot(queue, index, task)
    if (!from) return isNew ? [] : [{ kind: 'taskAdded', key: task.key, after }]
    still.add(task.key)
    const before = spot(from.queue, from.index, from.task)
    const moved = !stays.has(task.key)
    if (!sameTask(from.task, task)) return [{ kind: 'taskChanged', key: task.key, before, after, moved }]
    return moved ? [{ kind: 'taskMoved', key: task.key, before, after }] : []
  })
}

/** Which fields of a task are other ones. */
export function changedFields(before: Task, after: Task): ('commands' | 'gpuCount' | 'memory')[] {
  return [
    ...(sameCommands(before.commands, after.commands) ? [] : (['commands'] as const)),
    ...(before.gpuCount === after.gpuCount ? [] : (['gpuCount'] as const)),
    ...(before.memory === after.memory ? [] : (['memory'] as const)),
  ]
}
