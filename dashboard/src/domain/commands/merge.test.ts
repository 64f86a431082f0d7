// Readings that are matched, changes that are told, drafts that come back, and merges, by hand and at random.
import { describe, expect, it } from 'vitest'
import { adopt, bare, pairsInPlace, type Bare } from './align'
import { changes, inOrder } from './changes'
import { isDraft, packed, unpacked } from './draft'
import { decide, merge } from './merge'
import { countTasks, duplicate, insertQueue, insertTasks, moveTasks, newTask, remove, setQueueId, setTasks, step, type Tree } from './tree'

/** `1: a b | 2: c@24`: commands, and the memory where it is not 1. */
function read(text: string): Bare[] {
  return text.split('|').map((part) => {
    const [id = '', names = ''] = part.split(':')
    const tasks = names.trim().split(/\s+/).filter(Boolean).map((name) => {
      const [command = '', memory] = name.split('@')
      return { commands: [command], gpuCount: 1, memory: Number(memory ?? 1) }
    })
    return { id: Number(id), tasks }
  })
}
const tree = (text: string): Tree => adopt([], read(text))
const shown = (of: Tree): string =>
  of.map(({ id, tasks }) => `${id}: ${tasks.map((task) => `${task.commands.join(';')}${task.memory === 1 ? '' : `@${task.memory}`}`).join(' ')}`).join(' | ')
const key = (of: Tree, name: string): number => of.flatMap(({ tasks }) => tasks).find((task) => task.commands[0] === name)!.key

describe('a new reading', () => {
  it('keeps the keys of what it has in common with the one before', () => {
    const before = tree('1: a b c | 2: d')
    const now = adopt(before, read('2: d | 1: x a b@9 c'))
    expect(now[0]).toBe(before[1])
    expect(now[1]!.key).toBe(before[0]!.key)
    expect(now[1]!.tasks.slice(1).map((task) => task.key)).toEqual(before[0]!.tasks.map((task) => task.key))
    expect(now[1]!.tasks[1]).toBe(before[0]!.tasks[0])
  })
  it('pairs what was changed in place', () => {
    expect(pairsInPlace(['a', 'b', 'c'], ['a', 'x', 'c'])).toEqual([[0, 0], [1, 1], [2, 2]])
    expect(pairsInPlace(['a'], ['x', 'a'])).toEqual([[0, 1]])
    expect(pairsInPlace([], ['x'])).toEqual([])
  })
})

describe('changes', () => {
  const base = tree('1: a b c | 2: d e | 3: f')
  const kinds = (mine: Tree) => changes(base, mine).map(({ kind }) => kind)
  it('are each told once', () => {
    expect(kinds(base)).toEqual([])
    expect(kinds(setTasks(base, new Set([key(base, 'a')]), { memory: 2 }))).toEqual(['taskChanged'])
    expect(kinds(insertTasks(base, base[0]!.key, [newTask()]))).toEqual(['taskAdded'])
    expect(kinds(insertQueue(base, [newTask(), newTask()]))).toEqual(['queueAdded'])
    expect(kinds(remove(base, new Set([key(base, 'b')])))).toEqual(['taskRemoved'])
    expect(kinds(remove(base, new Set([base[1]!.key])))).toEqual(['queueRemoved'])
    expect(kinds(setQueueId(base, base[1]!.key, 9))).toEqual(['queueId'])
    expect(kinds(step(base, base[0]!.key, 1))).toEqual(['queueMoved'])
    expect(kinds(step(base, key(base, 'a'), 1))).toEqual(['taskMoved'])
    expect(kinds(step(base, key(base, 'c'), 1))).toEqual(['taskMoved'])
    expect(kinds(step(base, key(base, 'f'), -1))).toEqual(['taskMoved', 'queueRemoved'])
  })
  it('are none when what was typed is taken back', () => {
    const there = setTasks(base, new Set([key(base, 'a')]), { memory: 2 })
    expect(changes(base, setTasks(there, new Set([key(base, 'a')]), { memory: 1 }))).toEqual([])
  })
  it('say where a task was and is', () => {
    const [change] = changes(base, step(base, key(base, 'c'), 1))
    expect(change).toMatchObject({ kind: 'taskMoved', before: { queueId: 1, place: 3 }, after: { queueId: 2, place: 1 } })
  })
  it('call as few as possible moved', () => {
    expect(inOrder([3, 0, 1, 2])).toEqual(new Set([1, 2, 3]))
    expect(inOrder([]).size).toBe(0)
  })
})

describe('a merge', () => {
  const base = tree('1: a b c | 2: d e')
  const theirs = (text: string) => adopt(base, read(text))
  const set = (of: Tree, name: string, memory: number) => setTasks(of, new Set([key(of, name)]), { memory })

  it('takes what either changed', () => {
    const mine = insertTasks(set(base, 'a', 5), base[1]!.key, [newTask({ commands: ['m'] })])
    const merged = merge(base, mine, theirs('1: a b c@7 t | 2: d e | 3: n'))
    expect(merged.conflicts).toEqual([])
    expect(shown(merged.tree)).toBe('1: a@5 b c@7 t | 2: d e m | 3: n')
  })
  it('keeps my order with their tasks in it, and their removals', () => {
    const mine = step(base, key(base, 'c'), -1)
    expect(shown(merge(base, mine, theirs('1: t a b c | 2: e')).tree)).toBe('1: t a c b | 2: e')
  })
  it('joins different fields of one task, and asks about the same one', () => {
    const changed = theirs('1: a@9 b c | 2: d e')
    const joined = setTasks(base, new Set([key(base, 'a')]), { commands: ['a', 'more'] })
    expect(shown(merge(base, joined, changed).tree)).toBe('1: a;more@9 b c | 2: d e')
    const merged = merge(base, set(base, 'a', 3), changed)
    expect(merged.conflicts).toMatchObject([{ queueId: 1, base: { memory: 1 }, mine: { memory: 3 }, theirs: { memory: 9 } }])
    expect(shown(decide(merged, merged.conflicts[0]!, 'mine'))).toBe('1: a@3 b c | 2: d e')
    expect(shown(decide(merged, merged.conflicts[0]!, 'theirs'))).toBe('1: a@9 b c | 2: d e')
  })
  it('asks when one removed what the other changed', () => {
    const merged = merge(base, remove(base, new Set([key(base, 'd')])), theirs('1: a b c | 2: d@4 e'))
    expect(merged.conflicts).toMatchObject([{ mine: null, theirs: { memory: 4 } }])
    expect(shown(decide(merged, merged.conflicts[0]!, 'mine'))).toBe('1: a b c | 2: e')
    expect(shown(decide(merged, merged.conflicts[0]!, 'theirs'))).toBe('1: a b c | 2: e d@4')
    const other = merge(base, set(base, 'd', 4), theirs('1: a b c | 2: e'))
    expect(shown(other.tree)).toBe('1: a b c | 2: d@4 e')
    expect(shown(decide(other, other.conflicts[0]!, 'theirs'))).toBe('1: a b c | 2: e')
  })
  it('makes one queue of two new ones with one id', () => {
    const mine = insertQueue(base, [newTask({ commands: ['m'] })])
    expect(shown(merge(base, mine, theirs('1: a b c | 2: d e | 3: t')).tree)).toBe('1: a b c | 2: d e | 3: m t')
  })
})

describe('a draft', () => {
  it('comes back as it was, and is small where little was changed', () => {
    const base = adopt([], Array.from({ length: 500 }, (_, at) => ({ id: at + 1, tasks: read(`1: ${'t '.repeat(20)}`)[0]!.tasks })))
    const mine = setTasks(base, new Set([base[7]!.tasks[3]!.key]), { memory: 20 })
    const text = JSON.stringify(packed(base, mine, '"e"', 1))
    expect(text.length).toBeLessThan(8000)
    const draft: unknown = JSON.parse(text)
    expect(isDraft(draft)).toBe(true)
    const now = adopt([], bare(base))
    const back = unpacked(draft as never, now)
    expect(shown(back.mine)).toBe(shown(mine))
    expect(changes(adopt(back.base, bare(base)), back.mine).map(({ kind }) => kind)).toEqual(['taskChanged'])
  })
  it('is turned away when it is none', () => {
    for (const value of [null, 1, {}, { base: [], mine: 3, at: 1 }]) expect(isDraft(value)).toBe(false)
  })
})

/** Random edits, from a seed. */
function random(seed: number) {
  let state = seed * 2654435761 + 1
  const next = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state % below
  }
  const some = (of: Tree) => {
    const tasks = of.flatMap((queue) => queue.tasks)
    return new Set([tasks[next(tasks.length || 1)]?.key ?? -1])
  }
  let name = 0
  const task = () => newTask({ commands: [`n${seed}-${name++}`] })
  const edit = (of: Tree): Tree => {
    const queue = of[next(of.length || 1)]
    switch (next(7)) {
      case 0: return setTasks(of, some(of), { memory: 1 + next(30) })
      case 1: return remove(of, some(of))
      case 2: return queue ? insertTasks(of, queue.key, [task()], next(4)) : of
      case 3: return insertQueue(of, [task()], next(of.length + 1))
      case 4: return queue ? moveTasks(of, some(of), queue.key, next(4)) : of
      case 5: return duplicate(of, some(of))
      default: return queue ? step(of, queue.key, 1) : of
    }
  }
  return { edits: (of: Tree, times: number) => Array.from({ length: times }).reduce<Tree>((tree) => edit(tree), of) }
}

describe('at random', () => {
  const base = tree('1: a b c d | 2: e f | 3: g h i | 5: j')
  it.each(Array.from({ length: 150 }, (_, seed) => seed))('merges and drafts lose nothing (%i)', (seed) => {
    const mine = random(seed).edits(base, 1 + (seed % 9))
    const theirs = adopt(base, bare(random(seed + 1000).edits(base, 1 + (seed % 5))))
    expect(shown(merge(base, mine, base).tree)).toBe(shown(mine))
    expect(shown(merge(base, base, theirs).tree)).toBe(shown(theirs))

    const { tree: both, conflicts } = merge(base, mine, theirs)
    const keys = both.flatMap((queue) => queue.tasks.map((task) => task.key))
    expect(new Set(keys).size).toBe(countTasks(both))
    expect(new Set(both.map(({ id }) => id)).size).toBe(both.length)
    const was = new Map(base.flatMap(({ tasks }) => tasks.map((task) => [task.key, task])))
    const asked = new Set(conflicts.map((conflict) => conflict.key))
    for (const side of [mine, theirs]) {
      for (const task of side.flatMap(({ tasks }) => tasks)) if (!was.has(task.key)) expect(keys).toContain(task.key)
    }
    for (const task of mine.flatMap(({ tasks }) => tasks)) {
      if (was.get(task.key) !== task && !asked.has(task.key)) expect(both.flatMap(({ tasks }) => tasks).find((one) => one.key === task.key)).toMatchObject({ memory: task.memory })
    }

    const now = adopt([], bare(base))
    const back = unpacked(JSON.parse(JSON.stringify(packed(base, mine, null, 0))) as never, now)
    expect(shown(back.mine)).toBe(shown(mine))
    expect(changes(back.base, back.mine).map(({ kind }) => kind)).toEqual(changes(base, mine).map(({ kind }) => kind))
  })
})
