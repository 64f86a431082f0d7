// A log as a terminal would show it, whatever its pieces.
import { describe, expect, it } from 'vitest'
import { Screen, textOf, type Row } from './screen'

const ESC = '\x1b'
function shown(...pieces: string[]): Row[] {
  const screen = new Screen()
  for (const piece of pieces) screen.feed(piece)
  return screen.rows
}
const texts = (...pieces: string[]) => shown(...pieces).map(textOf)

/** The same text, letter by letter: what is shown must not depend on how it came. */
const torn = (text: string) => shown(...text).map(({ runs, redraws, line, lines }) => ({ runs, redraws, line, lines }))
const whole = (text: string) => shown(text).map(({ runs, redraws, line, lines }) => ({ runs, redraws, line, lines }))

describe('lines', () => {
  it('end with \\n and with \\r\\n', () => {
    expect(texts('a\nb\r\nc')).toEqual(['a', 'b', 'c'])
    expect(shown('a\r\nb\r\r\nc').map((row) => row.redraws)).toEqual([0, 0, 0])
  })
  it('carry their numbers in the file', () => {
    const screen = new Screen(101)
    screen.feed('a\n\nc')
    expect(screen.rows.map((row) => row.line)).toEqual([101, 102, 103])
    expect(screen.nextLine).toBe(103)
  })
  it('that are empty stay', () => expect(texts('a\n\n\nb')).toEqual(['a', '', '', 'b']))
})

describe('a line drawn anew', () => {
  it('is one row with its last state and the count', () => {
    const bar = Array.from({ length: 1205 }, (_, n) => `\rstep ${n}/1204`).join('')
    const [row, next] = shown(`${bar}\ndone`)
    expect([textOf(row!), row!.redraws, textOf(next!)]).toEqual(['step 1204/1204', 1204, 'done'])
  })
  it('keeps what the new text does not reach', () => expect(texts('abcdef\rXY')).toEqual(['XYcdef']))
  it('counts the columns of wide letters', () => {
    expect(texts('训练中abc\rXY')).toEqual(['XY练中abc'])
    expect(texts('训练\rX')).toEqual(['X 练'])
  })
  it('by backspaces', () => expect(texts('10%\b\b\b20%')).toEqual(['20%']))
  it('after it was wiped', () => {
    const [row] = shown(`long text here\r${ESC}[Kshort`)
    expect([textOf(row!), row!.redraws]).toEqual(['short', 1])
    expect(texts(`abc${ESC}[2K${ESC}[1Gxy`)).toEqual(['xy'])
    expect(texts(`abcdef${ESC}[3D${ESC}[K`)).toEqual(['abc'])
    expect(texts(`abcdef${ESC}[4G${ESC}[1K`)).toEqual(['    ef'])
  })
})

describe('nested bars', () => {
  // tqdm with position=1: down to its row, draws, up again.
  const inner = (n: number) => `\n\rinner ${n}${ESC}[A`
  it('move in place', () => {
    const text = `\router 0${inner(0)}${inner(1)}${inner(2)}\router 1${inner(3)}\n\ndone`
    const rows = shown(text)
    expect(rows.map(textOf)).toEqual(['outer 1', 'inner 3', 'done'])
    expect(rows.map((row) => row.redraws)).toEqual([1, 3, 0])
    // The rows hold all the lines that the file has.
    expect([rows[1]!.line, rows[1]!.lines]).toEqual([2, 5])
    expect(rows[2]!.line).toBe(7)
  })
  it('do not go above the first row', () => expect(texts(`${ESC}[9999Atop\nnext`)).toEqual(['top', 'next']))
  it('are wiped from the cursor down', () => expect(texts(`a\nb\nc${ESC}[2A\r${ESC}[0Jx`)).toEqual(['x', '', '']))
})

describe('colours', () => {
  const looks = (text: string) => shown(text)[0]!.runs.map((run) => [run.text, run.style.fg, run.style.bg])
  it('of the palette, bright, 256 and true', () => {
    expect(looks(`${ESC}[31ma${ESC}[92mb${ESC}[38;5;208mc${ESC}[38;2;1;2;3md${ESC}[48;5;7me${ESC}[0mf`)).toEqual([
      ['a', 1, null], ['b', 10, null], ['c', 208, null], ['d', 0x1010203, null], ['e', 0x1010203, 7], ['f', null, null],
    ])
    expect(looks(`${ESC}[38:2::9:8:7mx`)).toEqual([['x', 0x1090807, null]])
  })
  it('go on over lines until they end', () => {
    const rows = shown(`${ESC}[1;33mwarn\nstill${ESC}[m\nplain`)
    expect(rows.map((row) => row.runs[0]?.style.bold)).toEqual([true, true, false])
  })
})

describe('other escapes', () => {
  it.each([
    [`${ESC}]0;title\x07text`, 'text'],
    [`${ESC}]8;;http://x.y/${ESC}\\label${ESC}]8;;${ESC}\\`, 'label'],
    [`${ESC}[?25l${ESC}[?2004htext${ESC}[?25h`, 'text'],
    [`${ESC}(Btext${ESC}7${ESC}8${ESC}=`, 'text'],
    [`${ESC}Pq#0;2;0;0;0${ESC}\\text`, 'text'],
    [`${ESC}[>4;2mtext`, 'text'],
  ])('%j says %s', (text, said) => {
    expect(texts(text)).toEqual([said])
    expect(torn(text)).toEqual(whole(text))
  })
  it('that never end do not hide the log', () => {
    expect(texts(`${ESC}]0;never closed\nnext`)).toEqual(['', 'next'])
    expect(texts(`${ESC}[${'1;'.repeat(200)}x`)[0]).toContain('^[')
  })
})

describe('what has no letter', () => {
  it('is shown as a sign', () => {
    const [row] = shown('a\x00b\x07\x7f\x85\u202egnp.exe')
    expect(textOf(row!)).toBe('a^@b^G^?[U+0085][U+202E]gnp.exe')
    expect(row!.runs.filter((run) => run.raw).map((run) => run.text)).toEqual(['^@', '^G^?[U+0085][U+202E]'])
  })
})

describe('pieces', () => {
  it.each([
    `\r 10%|█   | 1/10\r 20%|██  | 2/10${ESC}[K\n${ESC}[38;2;10;20;30m训练${ESC}[0m\r\n`,
    `a\n${ESC}[1;31mb${ESC}[0m\n${ESC}[2Axx${ESC}[2Byy\n`,
  ])('%j looks the same letter by letter', (text) => expect(torn(text)).toEqual(whole(text)))
  it('draw again only the row that changed', () => {
    const screen = new Screen()
    screen.feed('one\ntwo\r')
    const before = screen.rows.map((row) => row.version)
    screen.feed('2')
    expect(screen.rows.map((row, at) => row.version - before[at]!)).toEqual([0, 1])
  })
  it('of a megabyte of redraws cost no more than their length', () => {
    const screen = new Screen()
    for (let n = 0; n < 40; n++) screen.feed(`\r${n}% ${'#'.repeat(60)}`.repeat(400))
    expect(screen.rows.length).toBe(1)
    expect(screen.rows[0]!.runs.length).toBe(1)
    screen.feed('\x00\x01'.repeat(50_000))
    expect(screen.rows[0]!.runs.length).toBe(2)
  })
})
