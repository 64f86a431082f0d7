// Forms, sweeps and lists of ad-hoc tasks.
import { describe, expect, it } from 'vitest'
import { EMPTY, formOf, taskOf, troubles } from './form'
import { endedUnheard, merged, type Summary } from '.'
import { combinations, filled, first, matrixOf, unused, valuesOf } from './sweep'

describe('values of a sweep', () => {
  it('are numbers, yes and no, and texts, as they were written', () => {
    expect(valuesOf('0.1, 1e-3,2\n3，true, 007, 1.0, "a, b", \'5\'')).toEqual([0.1, '1e-3', 2, 3, true, '007', '1.0', 'a, b', '5'])
  })
  it('make every combination', () => {
    const matrix = matrixOf([{ name: 'lr', values: '0.1,0.2' }, { name: ' seed ', values: '1 \n 2 \n 3' }, { name: '', values: '' }])
    expect(combinations(matrix)).toBe(6)
    expect(first(matrix!, 4).map((one) => filled('{lr}/{seed} ${HOME} {x}', one))).toEqual(['0.1/1 ${HOME} {x}', '0.1/2 ${HOME} {x}', '0.1/3 ${HOME} {x}', '0.2/1 ${HOME} {x}'])
    expect(unused(matrix, 'train --lr {lr}')).toEqual(['seed'])
    expect([matrixOf([]), combinations(null)]).toEqual([null, 1])
  })
})

describe('the form', () => {
  const form = {
    ...EMPTY, command: 'python a.py\n', memory: '7.5', environment: 'A=1\n B=x=y \n', timeout: '90', depends_on: '#3, 4', tags: 'a、b c', not_before: '2026-11-26T14:03', priority: '-2',
  }
  it('means a task', () => {
    expect(troubles(form)).toEqual({})
    expect(taskOf(form)).toMatchObject({ command: 'python a.py\n', name: null, memory: 7.5, environment: { A: '1', B: 'x=y' }, timeout: 5400, depends_on: [3, 4], tags: ['a', 'b', 'c'], priority: -2, matrix: null })
  })
  it('comes back from it', () => expect(formOf(taskOf(form))).toEqual({ ...form, environment: 'A=1\nB=x=y', depends_on: '3 4', tags: 'a b c' }))
  it('says what is wrong, by field', () => {
    expect(troubles({ ...EMPTY, gpu_count: '0', memory: '-1', priority: 'x', retries: '1.5', depends_on: 'a', work_dir: 'here', environment: 'no', axes: [{ name: '1', values: '2' }] })).toEqual({
      command: 'empty', gpu_count: 'count', memory: 'number', priority: 'whole', retries: 'whole', depends_on: 'ids', work_dir: 'absolute', environment: 'pairs', axes: 'axis',
    })
  })
})

describe('a list that is live', () => {
  const task = (id: number, status: Summary['status'], tags: string[] = []) => ({ id, status, tags }) as unknown as Summary
  const ids = (tasks: Summary[]) => tasks.map(({ id, status }) => `${id} ${status}`)
  const live = new Map([[3, task(3, 'completed')], [5, task(5, 'queued')], [6, task(6, 'queued', ['x'])], [1, task(1, 'running')]])
  const list = [task(4, 'queued'), task(3, 'running'), task(2, 'queued')]
  it('has what is new on top, and what changed in place', () => expect(ids(merged(list, live, {}, true))).toEqual(['6 queued', '5 queued', '4 queued', '3 completed', '2 queued']))
  it('lets go what no longer fits', () => expect(ids(merged(list, live, { status: 'queued' }, true))).toEqual(['6 queued', '5 queued', '4 queued', '2 queued']))
  it('takes in what fits by now, where it belongs', () => {
    const ended = [task(8, 'completed'), task(2, 'completed')]
    const since = new Map([[1, task(1, 'completed')], [5, task(5, 'completed')], [9, task(9, 'running')]])
    expect(ids(merged(ended, since, { status: 'completed' }, true))).toEqual(['8 completed', '5 completed', '2 completed'])
    expect(ids(merged(ended, since, { status: 'completed' }, false))).toEqual(['8 completed', '5 completed', '2 completed', '1 completed'])
  })
  it('knows that an end was missed: whoever goes on is told of', () => {
    expect(endedUnheard([task(4, 'completed'), task(3, 'running')], live)).toBe(false)
    expect(endedUnheard(list, live)).toBe(true)
  })
  it('takes in only what it is sure of', () => {
    expect(ids(merged(list, live, { tag: 'x' }, true))).toEqual(['6 queued'])
    expect(ids(merged(list, live, { q: 'train' }, true))).toEqual(['4 queued', '3 completed', '2 queued'])
  })
})
