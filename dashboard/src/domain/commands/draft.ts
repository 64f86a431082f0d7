// An unsaved draft as it is kept in the browser: only what differs from the file, so that a small edit of a big file stays small.
import { adopt } from './align'
import { sameTask, newKey, type Queue, type Task, type Tree } from './tree'

interface KeptTask {
  c: readonly string[]
  g: number
  m: number
  /** Which task of the base it is: place of its queue, its own place. */
  of?: [number, number]
}
interface KeptQueue {
  id: number
  /** Which queue of the base it is. */
  of?: number
  tasks: KeptTask[]
}

/** A queue that is the same on both sides stands as its id alone. */
export interface Draft {
  /** Version of the file that was edited; null for one that was not there. */
  etag: string | null
  /** When, in milliseconds. */
  at: number
  base: (number | KeptQueue)[]
  mine: (number | KeptQueue)[]
}

const alike = (a: Queue, b: Queue): boolean =>
  a === b || (a.id === b.id && a.tasks.length === b.tasks.length && a.tasks.every((task, at) => task.key === b.tasks[at]!.key && sameTask(task, b.tasks[at]!)))

export function packed(base: Tree, mine: Tree, etag: string | null, at: number): Draft {
  const byKey = new Map(base.map((queue) => [queue.key, queue]))
  const other = new Map(mine.map((queue) => [queue.key, queue]))
  const same = (queue: Queue): boolean => {
    const [a, b] = [byKey.get(queue.key), other.get(queue.key)]
    return a !== undefined && b !== undefined && alike(a, b)
  }
  const places = new Map<number, [number, number]>()
  const queuePlaces = new Map(base.map((queue, x) => [queue.key, x]))
  base.forEach((queue, x) => {
    if (!same(queue)) queue.tasks.forEach((task, y) => places.set(task.key, [x, y]))
  })
  const task = (one: Task, of?: [number, number]): KeptTask => ({ c: one.commands, g: one.gpuCount, m: one.memory, ...(of ? { of } : {}) })
  return {
    etag,
    at,
    base: base.map((queue) => (same(queue) ? queue.id : { id: queue.id, tasks: queue.tasks.map((one) => task(one)) })),
    mine: mine.map((queue) => {
      if (same(queue)) return queue.id
      const of = queuePlaces.get(queue.key)
      return { id: queue.id, ...(of === undefined ? {} : { of }), tasks: queue.tasks.map((one) => task(one, places.get(one.key))) }
    }),
  }
}

/** The draft's two sides; `now` is the file as it is, for the queues that the draft left alone. */
export function unpacked(draft: Draft, now: Tree): { base: Tree; mine: Tree } {
  const byId = new Map(now.map((queue) => [queue.id, queue]))
  const fresh = ({ c, g, m }: KeptTask): Task => ({ key: newKey(), commands: c, gpuCount: g, memory: m })
  // What was changed has the keys of what stands there now, as far as it can be told apart: folds stay as they are.
  const bases = draft.base.map((kept): Queue | undefined => {
    if (typeof kept === 'number') return byId.get(kept)
    const here = byId.get(kept.id)
    return adopt(here ? [here] : [], [{ id: kept.id, tasks: kept.tasks.map(fresh) }])[0]
  })
  const mine = draft.mine.flatMap((kept): Queue[] => {
    if (typeof kept === 'number') return byId.get(kept) ? [byId.get(kept)!] : []
    const tasks = kept.tasks.map((one): Task => {
      const key = one.of && bases[one.of[0]]?.tasks[one.of[1]]?.key
      return { ...fresh(one), ...(key === undefined ? {} : { key }) }
    })
    const key = kept.of === undefined ? newKey() : (bases[kept.of]?.key ?? newKey())
    return [{ key, id: kept.id, tasks }]
  })
  return { base: bases.filter((queue) => queue !== undefined), mine }
}

/** Whether what the storage holds can be a draft. */
export function isDraft(value: unknown): value is Draft {
  const draft = value as Draft | null
  return typeof draft === 'object' && draft !== null && Array.isArray(draft.base) && Array.isArray(draft.mine) && typeof draft.at === 'number'
}
