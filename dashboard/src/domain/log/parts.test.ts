// Widths, marks, links, colours and the bar beside the text.
import { describe, expect, it } from 'vitest'
import { linesOf, logOf, nameOf } from './address'
import { contrast, lookOf, readable } from './colour'
import { goalOf } from './jump'
import { linked } from './links'
import { markOf } from './marks'
import { pieces } from './pieces'
import { fromThumb, thumbOf } from './scale'
import { Screen } from './screen'
import { PLAIN, sgr } from './style'
import { between, columns } from './width'

describe('columns', () => {
  it.each([['abc', 3], ['训练', 4], ['e\u0301', 1], ['👩‍🔬', 4], ['│█▏', 3], ['ｆｕｌｌ', 8]])('of %s are %i', (text, count) => expect(columns(text)).toBe(count))
  it('are cut without half letters', () => expect(['训练中'].map((text) => [between(text, 0, 3), between(text, 1, 6)])).toEqual([['训 ', ' 练中']]))
})

describe('marks', () => {
  it.each([
    ['Traceback (most recent call last):', 'traceback'],
    ['[rank0]: Traceback (most recent call last):', 'traceback'],
    ['RuntimeError: CUDA error: out of memory', 'memory'],
    ['torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB', 'memory'],
    ['epoch 3 loss: nan', 'nan'], ['loss=nan, lr=1e-3', 'nan'], ['{"loss": NaN}', 'nan'],
    ['Killed', 'killed'], ['bash: line 1: 4242 Killed                  python train.py', 'killed'],
    ['banana nano Nanjing', null], ['finance', null], ['SkilledWorker', null], ['ran out of memory of the day', null],
  ])('%s: %s', (text, mark) => expect(markOf(text)).toBe(mark))
})

describe('links', () => {
  const hrefs = (text: string) => linked(text).filter((piece) => piece.href).map((piece) => piece.text)
  it('are http and https, less what belongs to the sentence', () => {
    expect(hrefs('see http://a.b/c?d=e#f. And (https://x.y/(z)), 见 https://wandb.ai/run/1。')).toEqual(['http://a.b/c?d=e#f', 'https://x.y/(z)', 'https://wandb.ai/run/1'])
  })
  it('are nothing else', () => expect(hrefs('javascript://x file:///etc/passwd ftp://a.b data:text/html,x http://')).toEqual([]))
  it('leave the text as it was', () => expect(linked('a http://b.c, d').map((piece) => piece.text).join('')).toBe('a http://b.c, d'))
})

describe('colours', () => {
  it.each(['light', 'dark'] as const)('can all be read in the %s theme', (theme) => {
    for (let fg = 0; fg < 256; fg++) {
      const look = lookOf(sgr(PLAIN, `38;5;${fg}`), theme)
      const rgb = look.color!.match(/\d+/g)!.map(Number) as [number, number, number]
      expect(contrast(rgb, theme === 'light' ? [246, 248, 250] : [21, 26, 32]), `${fg}`).toBeGreaterThanOrEqual(4.5)
    }
    const both = lookOf(sgr(PLAIN, '37;47'), theme)
    expect(both.color).not.toBe(both.backgroundColor)
  })
  it('are left alone where they can be read', () => {
    expect(readable([0, 0, 0], [255, 255, 255])).toEqual([0, 0, 0])
    expect(lookOf(PLAIN, 'light')).toEqual({})
  })
})

describe('the bar', () => {
  it('says where one is in a hundred million lines', () => {
    expect(thumbOf({ from: 0, to: 40, total: 1e8 }, 600)).toEqual({ top: 0, height: 24 })
    expect(thumbOf({ from: 1e8 - 40, to: 1e8, total: 1e8 }, 600)).toEqual({ top: 576, height: 24 })
    expect(thumbOf({ from: 0, to: 40, total: 40 }, 600)).toBe(null)
  })
  it('goes to where it is pulled', () => {
    const place = { from: 0, to: 40, total: 1e8 }
    expect(fromThumb(0, place, 600)).toBe(0)
    expect(fromThumb(576, place, 600)).toBe(1e8 - 40)
    expect(Math.abs(fromThumb(288, place, 600) - 5e7)).toBeLessThan(40)
  })
})

describe('where a person wants to go', () => {
  const now = new Date(2026, 10, 26, 12, 0, 0)
  it.each([
    ['1204', { kind: 'lines', lines: { from: 1204, to: 1204 } }],
    ['1,204', { kind: 'lines', lines: { from: 1204, to: 1204 } }],
    ['140-120', { kind: 'lines', lines: { from: 120, to: 140 } }],
    ['50%', { kind: 'part', part: 0.5 }],
    ['11:30', { kind: 'time', at: new Date(2026, 10, 26, 11, 30) }],
    ['14：03', { kind: 'time', at: new Date(2026, 10, 25, 14, 3) }],
    ['2026-02-03 04:05:06', { kind: 'time', at: new Date(2026, 1, 3, 4, 5, 6) }],
  ])('%s', (text, goal) => expect(goalOf(text, now)).toEqual(goal))
  it.each(['', '0', 'abc', '101%', '25:00', '2026-02-31 04:05', '1-', '-5'])('%s is nowhere', (text) => expect(goalOf(text, now)).toBe(null))
})

describe('names of logs', () => {
  it.each([{ task: 'abc', attempt: 2 }, { path: '/data/训练/a b&c=d.log' }, { mode: 'multi' as const, config_index: 1, queue_id: 3, process_index: 0, own: true }, { task: 'x' }])('%j survive', (log) => expect(logOf(nameOf(log))).toEqual(log))
  it('are told apart from other words', () => expect([logOf(''), logOf('x=1'), logOf('attempt=2')]).toEqual([null, null, null]))
  it('hold chosen lines', () => expect([linesOf('120-140'), linesOf('7'), linesOf('9-3'), linesOf('0'), linesOf('x')]).toEqual([{ from: 120, to: 140 }, { from: 7, to: 7 }, { from: 3, to: 9 }, null, null]))
})

describe('pieces of a row', () => {
  const row = (text: string) => {
    const screen = new Screen()
    screen.feed(text)
    return screen.rows[0]!
  }
  it('are looks, links and hits', () => {
    const found = pieces(row('see \x1b[31mhttp://a.b/c\x1b[0m: Loss loss'), 0, 'light', ['loss'])
    expect(found.map(({ text, href, hit }) => [text, href, hit])).toEqual([
      ['see ', undefined, undefined], ['http://a.b/c', 'http://a.b/c', undefined], [': ', undefined, undefined],
      ['Loss', undefined, true], [' ', undefined, undefined], ['loss', undefined, true],
    ])
  })
  it('are lit across looks', () => expect(pieces(row('lo\x1b[1mss\x1b[0m'), 0, 'light', ['loss']).map(({ text, hit }) => [text, hit])).toEqual([['lo', true], ['ss', true]]))
  it('of a huge row are few', () => {
    const found = pieces(row('x'.repeat(5_000_000)), 0, 'dark', ['x'])
    expect(found.length).toBeLessThanOrEqual(201)
    expect(found.reduce((sum, { text }) => sum + text.length, 0)).toBe(4000)
  })
})
