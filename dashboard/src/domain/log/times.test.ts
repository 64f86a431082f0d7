// Times in lines, and where in a log a time is.
import { describe, expect, it } from 'vitest'
import { findTime, timeOf } from './times'

const near = new Date(2026, 10, 26, 12, 0, 0)
const at = (h: number, m: number, s: number, day = 26) => new Date(2026, 10, day, h, m, s)

describe('the time of a line', () => {
  it.each([
    ['2026-11-26 11:30:05,123 INFO step', at(11, 30, 5)],
    ['[2026/11/25 11:30:05] x', at(11, 30, 5, 25)],
    ['2026-11-26T11:30:05.123 x', at(11, 30, 5)],
    ['2026-11-26T11:30:05Z x', new Date('2026-11-26T11:30:05Z')],
    ['[rank0] 2026-11-26T11:30:05+0800 x', new Date('2026-11-26T11:30:05+08:00')],
    ['I1125 09:08:07.123456 4242 train.cc:12] x', at(9, 8, 7, 25)],
    ['Nov 25 09:08:07 host python[1]: x', at(9, 8, 7, 25)],
    ['[11:30:05] epoch 3', at(11, 30, 5)],
    ['11:30:05.5 epoch 3', at(11, 30, 5)],
  ])('%s', (line, time) => expect(timeOf(line, near)).toEqual(time))
  it.each(['epoch 3', ' 10%|#| 1/10 [00:01<00:09, 1.00it/s]', '99:99:99 x', 'Foo 12 11:30:05'])('%s has none', (line) => expect(timeOf(line, near)).toBe(null))
})

describe('a time in a log', () => {
  // A line a second from 08:00:00 on, 200 bytes each; every third one without its time.
  const COUNT = 20_000
  const begin = new Date(2026, 10, 26, 4, 0, 0).getTime()
  const two = (n: number) => String(n).padStart(2, '0')
  const text = (n: number) => {
    const time = new Date(begin + n * 1000)
    return n % 3 === 2 ? 'Traceback' : `2026-11-26 ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())} step`
  }
  let readings = 0
  const from = (offset: number) => {
    readings++
    const first = Math.ceil(offset / 200)
    return Promise.resolve(Array.from({ length: Math.max(0, Math.min(40, COUNT - first)) }, (_, n) => ({ offset: (first + n) * 200, end: (first + n + 1) * 200, text: text(first + n) })))
  }
  it.each([[at(6, 0, 0), 7200], [at(4, 0, 0), 0], [at(3, 0, 0), 0], [at(4, 0, 2), 3], [at(9, 33, 18), 19_998]])('%s', async (wanted, line) => {
    readings = 0
    expect(await findTime(COUNT * 200, wanted, from)).toBe(line * 200)
    expect(readings).toBeLessThan(20)
  })
  it('that has not come yet is nowhere', async () => expect(await findTime(COUNT * 200, at(23, 0, 0), from)).toBe(null))
  it('is nowhere in a log without times', async () => {
    expect(await findTime(1e9, near, (offset) => Promise.resolve(Array.from({ length: 40 }, (_, n) => ({ offset: offset + n * 10, end: offset + n * 10 + 10, text: 'x' }))))).toBe(null)
  })
})
