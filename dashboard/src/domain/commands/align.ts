// Which task of one reading of a file is which of another: by content, in order; what is left in a gap, one by one.
import { diffArrays } from 'diff'
import { newKey, type Queue, type Task, type Tree } from './tree'

/** More differences than this in one list are not told apart: it counts as all new. */
const MOST_EDITS = 800

/** `[[0, 0], [2, 1]]`: pairs of indices of what is the same in two lists, in order. */
export function pairs<T>(a: readonly T[], b: readonly T[]): [number, number][] {
  const found: [number, number][] = []
  let [i, j] = [0, 0]
  const steps = diffArrays([...a], [...b], { maxEditLength: MOST_EDITS })
  for (const { count, added, removed } of steps ?? [{ count: a.length, removed: true, added: false }]) {
    if (added) j += count
    else if (removed) i += count
    else for (let n = 0; n < count; n++) found.push([i++, j++])
  }
  return found
}

/** As [`pairs`], and what lies between two pairs on both sides is paired too, as far as it goes: changed in place. */
export function pairsInPlace<T>(a: readonly T[], b: readonly T[]): [number, number][] {
  const same = pairs(a, b)
  const found: [number, number][] = []
  let [i, j] = [0, 0]
  for (const [x, y] of [...same, [a.length, b.length] as const]) {
    while (i < x && j < y) found.push([i++, j++])
    if (x < a.length && y < b.length) found.push([x, y])
    ;[i, j] = [x + 1, y + 1]
  }
  return found
}

/** All that is written of a task, as one text. */
export const content = (task: Omit<Task, 'key'>): string => `${task.gpuCount}\u0000${task.memory}\u0000${task.commands.join('\u0001')}`

/** A reading whose queues and tasks have no keys yet. */
export interface Bare {
  id: number
  tasks: Omit<Task, 'key'>[]
}

/** Gives a new reading the keys of the one before, so that folds, focus and drafts stay with their tasks. Queues are known by id. */
export function adopt(before: Tree, now: readonly Bare[]): Tree {
  const byId = new Map(before.map((queue) => [queue.id, queue]))
  return now.map(({ id, tasks }) => {
    const old = byId.get(id)
    if (!old) return { key: newKey(), id, tasks: tasks.map((task) => ({ ...task, key: newKey() })) }
    return adoptQueue(old, tasks)
  })
}

function adoptQueue(old: Queue, now: readonly Omit<Task, 'key'>[]): Queue {
  const [was, is] = [old.tasks.map(content), now.map(content)]
  if (was.length === is.length && was.every((text, at) => text === is[at])) return old
  const origin = new Map(pairsInPlace(was, is).map(([i, j]) => [j, i]))
  const tasks = now.map((task, at) => {
    const from = origin.get(at)
    const before = from === undefined ? undefined : old.tasks[from]
    if (!before) return { ...task, key: newKey() }
    return was[from!] === is[at] ? before : { ...task, key: before.key }
  })
  return { key: old.key, id: old.id, tasks }
}

/** A tree without its keys. */
export const bare = (tree: Tree): Bare[] => tree.map(({ id, tasks }) => ({ id, tasks: tasks.map(({ commands, gpuCount, memory }) => ({ commands, gpuCount, memory })) }))
