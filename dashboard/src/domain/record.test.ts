// Values by name: differences, merges, groups.
import { expect, it } from 'vitest'
import { changedNames, difference, flatten, mergeValues, unflatten } from './record'

it('tells what is changed, lists by what they hold', () => {
  expect(changedNames({ a: 1, l: [1], x: 0 }, { a: 1, l: [1, 2], n: null })).toEqual(['l', 'x', 'n'])
  expect(difference({ a: 1, b: 2 }, { a: 1, b: 3 })).toEqual({ b: 3 })
})
it('joins two changes, and names those that clash', () => {
  const base = { a: 1, b: 1, c: 1, d: 1 }
  expect(mergeValues(base, { ...base, a: 2, c: 2, d: 2 }, { ...base, b: 3, c: 3, d: 2 })).toEqual({ values: { a: 2, b: 3, c: 2, d: 2 }, clashes: ['c'] })
})
it('opens groups and closes them', () => {
  const tree = { a: 1, retry: { n: 3, s: 5 }, env: { A: '1' } }
  const values = flatten(tree, ['retry'])
  expect(values).toEqual({ a: 1, 'retry.n': 3, 'retry.s': 5, env: { A: '1' } })
  expect(unflatten(values)).toEqual(tree)
})
