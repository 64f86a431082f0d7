// Edits of the queue tree: what they change, what they leave alone, and undo.
import { describe, expect, it } from 'vitest'
import { NO_HISTORY, noted, redone, undone } from './history'
import { countTasks, doubleIds, duplicate, freeId, insertQueue, insertTasks, moveQueue, moveTasks, newTask, remove, setQueueId, setTasks, step, type Tree } from './tree'

/** `1: a b | 2: c`, as keys by name. */
function yard(): { tree: Tree; key: Record<string, number>; queue: number[]; shown: (tree: Tree) => string } {
  const named = (name: string) => newTask({ commands: [name] })
  let tree: Tree = insertQueue([], ['a', 'b', 'c'].map(named))
  tree = insertQueue(tree, ['d', 'e'].map(named))
  tree = insertQueue(tree, ['f'].map(named))
  const key = Object.fromEntries(tree.flatMap(({ tasks }) => tasks.map((task) => [task.commands[0]!, task.key])))
  const shown = (tree: Tree) => tree.map(({ id, tasks }) => `${id}: ${tasks.map((task) => task.commands[0]).join(' ')}`).join(' | ')
  return { tree, key, queue: tree.map((queue) => queue.key), shown }
}

describe('the tree', () => {
  it('changes only what is meant, and shares the rest', () => {
    const { tree, key } = yard()
    const next = setTasks(tree, new Set([key.d!, key.f!]), { memory: 24 })
    expect(next[0]).toBe(tree[0])
    expect(next[1]!.tasks[1]).toBe(tree[1]!.tasks[1])
    expect(next.flatMap(({ tasks }) => tasks.map(({ memory }) => memory))).toEqual([1, 1, 1, 24, 1, 24])
    expect(setTasks(tree, new Set([key.a!]), { memory: 1 })).toBe(tree)
  })

  it('adds with free ids, and tells ids that are there twice', () => {
    const { tree, queue, shown } = yard()
    expect(freeId(tree)).toBe(4)
    expect(shown(insertQueue(tree, [newTask({ commands: ['x'] })], 1))).toBe('1: a b c | 4: x | 2: d e | 3: f')
    expect(shown(insertTasks(tree, queue[1]!, [newTask({ commands: ['x'] })], 1))).toBe('1: a b c | 2: d x e | 3: f')
    expect([...doubleIds(setQueueId(tree, queue[2]!, 2))]).toEqual([2])
    expect(doubleIds(tree).size).toBe(0)
  })

  it('removes a queue with its last task', () => {
    const { tree, key, queue, shown } = yard()
    expect(shown(remove(tree, new Set([key.b!, key.f!])))).toBe('1: a c | 2: d e')
    expect(shown(remove(tree, new Set([queue[0]!])))).toBe('2: d e | 3: f')
    expect(remove(tree, new Set([9999]))).toBe(tree)
  })

  it('copies tasks behind themselves, and queues with an id of their own', () => {
    const { tree, key, queue, shown } = yard()
    const next = duplicate(tree, new Set([key.b!, queue[1]!]))
    expect(shown(next)).toBe('1: a b b c | 2: d e | 4: d e | 3: f')
    const keys = next.flatMap((one) => [one.key, ...one.tasks.map((task) => task.key)])
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('moves tasks inside a queue, between queues, and several at once', () => {
    const { tree, key, queue, shown } = yard()
    expect(shown(moveTasks(tree, new Set([key.a!]), queue[0]!, 2))).toBe('1: b c a | 2: d e | 3: f')
    expect(shown(moveTasks(tree, new Set([key.c!, key.f!]), queue[1]!, 1))).toBe('1: a b | 2: d c f e')
    expect(shown(moveTasks(tree, new Set([key.c!, key.d!]), queue[1]!, 9))).toBe('1: a b | 2: e c d | 3: f')
    expect(countTasks(moveTasks(tree, new Set(Object.values(key)), queue[2]!, 0))).toBe(6)
    expect(moveTasks(tree, new Set([key.a!]), 9999, 0)).toBe(tree)
  })

  it('steps with keys, over the ends of queues, and stops at the ends of the tree', () => {
    const { tree, key, queue, shown } = yard()
    expect(shown(step(tree, key.b!, -1))).toBe('1: b a c | 2: d e | 3: f')
    expect(shown(step(tree, key.c!, 1))).toBe('1: a b | 2: c d e | 3: f')
    expect(shown(step(tree, key.d!, -1))).toBe('1: a b c d | 2: e | 3: f')
    expect(step(tree, key.a!, -1)).toBe(tree)
    expect(step(tree, key.f!, 1)).toBe(tree)
    expect(shown(step(tree, queue[0]!, 1))).toBe('2: d e | 1: a b c | 3: f')
    expect(moveQueue(tree, queue[0]!, -5)).toBe(tree)
  })
})

describe('undo', () => {
  it('takes edits back one by one, typing as one, and does them again', () => {
    const [a, b, c, d] = [[], [], [], []].map(() => insertQueue([], [])) as [Tree, Tree, Tree, Tree]
    let history = noted(NO_HISTORY, a, 0, 'task 1')
    history = noted(history, b, 500, 'task 1')
    history = noted(history, c, 900)
    const one = undone(history, d)!
    expect(one.tree).toBe(c)
    const two = undone(one.history, one.tree)!
    expect(two.tree).toBe(a)
    expect(undone(two.history, two.tree)).toBeUndefined()
    expect(redone(two.history, two.tree)!.tree).toBe(c)
    expect(redone(history, d)).toBeUndefined()
  })

  it('begins a new step for another field, and after a pause', () => {
    const tree = insertQueue([], [])
    const first = noted(NO_HISTORY, tree, 0, 'task 1')
    expect(noted(first, tree, 100, 'task 2').past).toHaveLength(2)
    expect(noted(first, tree, 9000, 'task 1').past).toHaveLength(2)
    expect(noted(first, tree, 100).past).toHaveLength(2)
  })
})
