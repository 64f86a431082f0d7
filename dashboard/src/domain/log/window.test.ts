// The part of a log that is held: growing, trimmed, beginning anew.
import { describe, expect, it } from 'vitest'
import { textOf } from './screen'
import { LogWindow, MOST_LINES, type LogLine, type PaneRow, type Part } from './window'

/** Lines of ten bytes each, from number `first` on. */
function part(first: number, count: number, change: Partial<LogLine> = {}, counted = true): Part {
  const lines = Array.from({ length: count }, (_, n) => {
    const number = first + n
    return { offset: (number - 1) * 10, end: number * 10, text: `line ${number}`, redraws: 0, cut: false, open: false, ...change }
  })
  return { from: (first - 1) * 10, to: (first + count - 1) * 10, first: counted ? first : null, lines }
}
const said = (rows: PaneRow[]) => rows.map((row) => (row.kind === 'row' ? [row.number, textOf(row.row)] : [row.kind]))

describe('a window', () => {
  it('grows at both ends', () => {
    const window = new LogWindow()
    window.open(part(5, 2))
    window.append(part(7, 1))
    window.prepend(part(3, 2))
    expect(said(window.rows())).toEqual([3, 4, 5, 6, 7].map((n) => [n, `line ${n}`]))
    expect([window.from, window.to, window.next]).toEqual([20, 70, 70])
    expect(window.text(4, 5)).toBe('line 4\nline 5')
    expect(window.text(1, 5)).toBe(null)
  })
  it('takes only what is next to it', () => {
    const window = new LogWindow()
    window.open(part(5, 2))
    expect(() => window.append(part(9, 1))).toThrow(RangeError)
    expect(() => window.prepend(part(1, 2))).toThrow(RangeError)
  })
  it('holds a few thousand lines, whichever way it goes', () => {
    const window = new LogWindow()
    window.open(part(100_001, 200))
    for (let n = 1; n < 50; n++) window.append(part(100_001 + n * 200, 200))
    expect(window.size).toBeLessThanOrEqual(MOST_LINES)
    expect(window.numbers?.last).toBe(110_000)
    for (let n = 0; n < 50; n++) window.prepend(part(window.numbers!.first - 200, 200))
    expect(window.size).toBeLessThanOrEqual(MOST_LINES)
    expect(window.numbers!.first).toBeLessThan(100_000)
    expect(said(window.rows().slice(0, 1))).toEqual([[window.numbers!.first, `line ${window.numbers!.first}`]])
  })
  it('holds few of huge lines', () => {
    const window = new LogWindow()
    window.open(part(1, 1, { text: 'x'.repeat(6 << 20) }))
    for (let n = 2; n < 9; n++) window.append(part(n, 1, { text: 'x'.repeat(6 << 20) }))
    expect(window.size).toBeLessThanOrEqual(3)
    expect(window.numbers?.last).toBe(8)
  })
})

describe('an open line', () => {
  const bar = (percent: number, redraws: number, open = true): Part => ({
    from: 10, to: 20 + redraws, first: 2, lines: [{ offset: 10, end: 20 + redraws, text: `${percent}%`, redraws, cut: false, open }],
  })
  it('comes again, longer, in the same row', () => {
    const window = new LogWindow()
    window.open(part(1, 1))
    window.append(bar(10, 3))
    const [, before] = window.rows()
    expect(window.next).toBe(10)
    window.append(bar(20, 7))
    const [, after] = window.rows()
    expect(said(window.rows())).toEqual([[1, 'line 1'], [2, '20%']])
    expect(after?.kind === 'row' && before?.kind === 'row' && [after.key === before.key, after.row.redraws]).toEqual([true, 7])
    window.append(bar(100, 9, false))
    expect(said(window.rows())).toEqual([[1, 'line 1'], [2, '100%']])
    expect(window.next).toBe(29)
  })
  it('that goes up takes back what it drew there', () => {
    const window = new LogWindow()
    window.open(part(1, 1))
    const line = (text: string): Part => ({ from: 10, to: 40, first: 2, lines: [{ offset: 10, end: 40, text, redraws: 0, cut: false, open: true }] })
    window.append(line('\rinner 1\x1b[A\router 1'))
    expect(said(window.rows())).toEqual([[1, 'outer 1'], [2, 'inner 1']])
    window.append(line('\rinner 2'))
    expect(said(window.rows())).toEqual([[1, 'line 1'], [2, 'inner 2']])
  })
})

describe('lines that nobody has counted', () => {
  it('have no numbers, and keep their keys when others come before them', () => {
    const window = new LogWindow()
    window.open(part(50, 3, {}, false))
    const keys = window.rows().map((row) => row.key)
    window.prepend(part(40, 10, {}, false))
    expect(window.rows().slice(10).map((row) => row.key)).toEqual(keys)
    expect(window.rows()[0]).toMatchObject({ number: null })
    expect(window.setNumber(49 * 10, 50)).toBe(true)
    expect(said(window.rows())[0]).toEqual([40, 'line 40'])
  })
})

describe('a log that begins anew', () => {
  it('goes on below a divider, and leaves the past when one goes back', () => {
    const window = new LogWindow()
    window.open(part(1, 2))
    window.restart(part(1, 1))
    expect(said(window.rows())).toEqual([[1, 'line 1'], [2, 'line 2'], ['break'], [1, 'line 1']])
    expect(new Set(window.rows().map((row) => row.key)).size).toBe(4)
    window.append(part(2, 1))
    expect([window.from, window.to]).toEqual([0, 20])
  })
  it('without a divider when nothing was there', () => {
    const window = new LogWindow()
    window.open({ from: 0, to: 0, first: 1, lines: [] })
    window.restart(part(1, 1))
    expect(said(window.rows())).toEqual([[1, 'line 1']])
  })
})

it('draws nested bars over the pages that they came in', () => {
  const window = new LogWindow()
  const line = (offset: number, text: string): LogLine => ({ offset, end: offset + 10, text, redraws: 0, cut: false, open: false })
  window.open({ from: 20, to: 40, first: 3, lines: [line(20, '\rinner 2\x1b[A'), line(30, '\rinner 3')] })
  window.prepend({ from: 0, to: 20, first: 1, lines: [line(0, 'outer'), line(10, '\rinner 1\x1b[A')] })
  expect(said(window.rows()).map(([, text]) => text)).toEqual(['outer', 'inner 3'])
})
