// The rows of the status page: folding, filtering, and that ten thousand tasks are sifted at once.
import { describe, expect, it } from 'vitest'
import type { TaskState } from '.'
import { rowsOf, type Filter, type Row, type RunEntry } from './rows'
import { treeOf, type RunInfo } from './tree'

const ALL: Filter = { show: 'all', text: '' }
const none = new Set<string>()

function entry(key: string, queues: Record<number, [TaskState, string][]>, running = true): RunEntry {
  const run = { run_id: key, total_tasks: 1 } as RunInfo
  const entries = new Map<string, unknown>([['run', run]])
  for (const [id, tasks] of Object.entries(queues)) {
    entries.set(`queue:${id}`, { id: Number(id) })
    // Entries of a topic have no order.
    tasks.map(([state, command], index) => ({ task_id: `${key}-${id}-${index}`, queue_id: Number(id), index, state, commands: [command], last_error: null }))
      .reverse()
      .forEach((task) => entries.set(`task:${task.task_id}`, task))
  }
  return { key, running, run, tree: treeOf(entries) }
}
const shown = (rows: Row[]) => rows.map((row) => (row.kind === 'task' ? row.task.commands[0] : row.kind === 'queue' ? `q${row.queue.id}` : row.kind === 'run' ? row.entry.key : row.note))

describe('rows', () => {
  const one = entry('a', { 10: [['running', 'train x']], 2: [['completed', 'prepare'], ['failed', 'Train y']] })
  const ended = entry('b', { 1: [['completed', 'old']] }, false)

  it('are in order, and what has ended is folded', () => {
    expect(shown(rowsOf([one, ended], ALL, none))).toEqual(['a', 'q2', 'prepare', 'Train y', 'q10', 'train x', 'b'])
  })
  it('stay as they were folded and unfolded', () => {
    expect(shown(rowsOf([one, ended], ALL, new Set(['a/2', 'b'])))).toEqual(['a', 'q2', 'q10', 'train x', 'b', 'q1', 'old'])
  })
  it('show what a filter finds, folded or not, and no run without it', () => {
    expect(shown(rowsOf([one, ended], { show: 'all', text: 'TRAIN' }, new Set(['a', 'a/2'])))).toEqual(['a', 'q2', 'Train y', 'q10', 'train x'])
    expect(shown(rowsOf([one, ended], { show: 'failed', text: '' }, none))).toEqual(['a', 'q2', 'Train y'])
    expect(shown(rowsOf([one, ended], { show: 'all', text: 'q10 train' }, none))).toEqual(['a', 'q10', 'train x'])
  })
  it('say that tasks are on their way, and that there are none', () => {
    expect(shown(rowsOf([{ ...one, tree: null }, entry('c', {})], ALL, none))).toEqual(['a', 'loading', 'c', 'empty'])
  })
})

