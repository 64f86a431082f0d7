// What a search found, as texts to be lit and rows to be shown.
import { describe, expect, it } from 'vitest'
import { hitRows, markIn, markQuery, needlesOf } from './search'
import type { LogHit } from './shapes'

const line = (number: number) => ({ offset: number * 10, end: number * 10 + 10, text: `line ${number}`, redraws: 0, cut: false, open: false })
const hit = (number: number, context: number): LogHit => ({
  line: number, offset: number * 10, at: number * 10, text: `line ${number}`, ranges: [[0, 4]], cut: false,
  before: Array.from({ length: context }, (_, n) => line(number - context + n)),
  after: Array.from({ length: context }, (_, n) => line(number + 1 + n)),
})
const said = (rows: ReturnType<typeof hitRows>) => rows.map((row) => (row.kind === 'row' ? row.number : '⋯'))

describe('only the hits', () => {
  it('stand one below the other', () => expect(said(hitRows([hit(5, 0), hit(9, 0)]))).toEqual([5, 9]))
  it('have lines around them, and gaps between', () => expect(said(hitRows([hit(5, 1), hit(20, 1)]))).toEqual([4, 5, 6, '⋯', 19, 20, 21]))
  it('share lines where they are near', () => {
    expect(said(hitRows([hit(5, 2), hit(7, 2)]))).toEqual([3, 4, 5, 6, 7, 8, 9])
    expect(said(hitRows([hit(5, 2), hit(10, 2)]))).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    const keys = hitRows([hit(5, 2), hit(6, 2), hit(7, 2)]).map((row) => row.key)
    expect(new Set(keys).size).toBe(keys.length)
  })
})

describe('texts to be lit', () => {
  it('are what was asked for', () => expect(needlesOf({ text: 'Loss', regex: false, case: false, context: 0 }, [])).toEqual(['Loss']))
  it('are what an expression matched', () => expect(needlesOf({ text: 'l.*?e', regex: true, case: false, context: 0 }, [hit(1, 0), hit(2, 0)])).toEqual(['line']))
  it('are none without a question', () => expect(needlesOf(null, [])).toEqual([]))
})

it('knows its own marks again', () => expect(markIn(markQuery('memory'))).toBe('memory'))
