// What a log looks like once its bytes have been acted on: `\r` draws a line anew, `ESC[A` goes up to draw the bar above,
// `ESC[K` wipes, colours colour. A screen without width or height: rows grow, and nothing is ever scrolled away.
import { PLAIN, sgr, type Style } from './style'
import { between, columns } from './width'

/** Text of one look. `raw` is a byte that has no letter, shown as a sign. */
export interface Run {
  text: string
  style: Style
  raw?: boolean
}

export interface Row {
  /** Differs from every other row that this screen ever had. */
  readonly key: number
  /** The first line of the file that is in it, counted from the first line that was fed. */
  line: number
  /** How many lines of the file went into it: bars that go up and down again are many. */
  lines: number
  /** How often it was drawn anew. */
  redraws: number
  runs: Run[]
  /** Columns of them. */
  width: number
  /** Grows with each change: what is shown is drawn again then, and only then. */
  version: number
}

/** How a screen stood, so that its last line can be taken back. */
export interface Checkpoint {
  rows: Omit<Row, 'version'>[]
  count: number
  line: number
  row: number
  column: number
  style: Style
  returned: boolean
  rest: string
  swallowing: boolean
}

/** Rows above the cursor that a line may still draw in, once it is taken back. */
const REMEMBERED = 64
/** An escape that is longer than this is none. */
const LONGEST_ESCAPE = 128
/** `ESC[9999A` is believed up to here: no program draws more bars. */
const HIGHEST = 200
/** How far right a cursor goes. */
const WIDEST = 4096

// eslint-disable-next-line no-control-regex -- what a text is cut at: control bytes, and letters that turn the others around
const SPECIAL = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g
// eslint-disable-next-line no-control-regex -- ESC [ numbers letter
const CSI = /\x1b\[([0-?]*)[ -/]*([@-~])/y
// Operating system commands and their like: a text up to BEL or ESC \.
const STRINGS = ']PX^_'

/** A sign for a byte that has none: `^@`, `^?`, `[U+202E]`; every font has these. */
export function sign(letter: string): string {
  const code = letter.codePointAt(0) ?? 0
  if (code < 0x20 || code === 0x7f) return `^${String.fromCharCode(code ^ 0x40)}`
  return `[U+${code.toString(16).toUpperCase().padStart(4, '0')}]`
}

export class Screen {
  rows: Row[] = []
  private keys = 0
  private row = -1
  private column = 0
  private style: Style = PLAIN
  /** The cursor went back to the start of a row that had text: the next letter draws it anew. */
  private returned = false
  /** An escape that goes on in the next piece. */
  private rest = ''
  /** Inside of a text that is not for people, up to its end. */
  private swallowing = false

  /** `line`: number of the first line to come. */
  constructor(private line = 1) {}

  /** Acts on a piece of the log. Pieces may end anywhere. */
  feed(piece: string): void {
    const text = this.rest + piece
    this.rest = ''
    let at = 0
    while (at < text.length) {
      if (this.swallowing) at = this.swallow(text, at)
      else {
        SPECIAL.lastIndex = at
        const next = SPECIAL.exec(text)?.index ?? text.length
        if (next > at) this.write(text.slice(at, next))
        at = next < text.length ? this.act(text, next) : next
      }
    }
  }

  /** Number of the line that comes after what was fed. */
  get nextLine(): number {
    return this.line
  }

  /** Counts redraws that whoever fed us left out of the text, for the row that the cursor is in. */
  addRedraws(count: number): void {
    if (count > 0) this.current().redraws += count
  }

  /** Remembers how it stands: before a line that will come again, longer. */
  checkpoint(): Checkpoint {
    const { line, row, column, style, returned, rest, swallowing } = this
    const rows = this.rows.slice(-REMEMBERED).map((one) => ({ ...one, runs: [...one.runs] }))
    return { rows, count: this.rows.length, line, row, column, style, returned, rest, swallowing }
  }

  /** Takes back what was fed since. */
  restore(point: Checkpoint): void {
    const { rows, count, ...state } = point
    Object.assign(this, state)
    this.rows.length = count
    for (const [at, kept] of rows.entries()) {
      const row = this.rows[count - rows.length + at]
      if (row) Object.assign(row, { ...kept, runs: [...kept.runs], version: row.version + 1 })
    }
  }

  private act(text: string, at: number): number {
    const letter = text[at] ?? ''
    if (letter === '\n') this.newLine()
    else if (letter === '\r') this.goTo(0)
    else if (letter === '\b') this.column = Math.max(0, this.column - 1)
    else if (letter === '\x1b') return this.escape(text, at)
    else this.write(sign(letter), true)
    return at + 1
  }

  private escape(text: string, at: number): number {
    const kind = text[at + 1]
    if (kind === undefined) return this.keep(text, at)
    if (kind === '[') {
      CSI.lastIndex = at
      const found = CSI.exec(text)
      if (found && found[0].length <= LONGEST_ESCAPE) {
        this.control(found[2] ?? '', found[1] ?? '')
        return at + found[0].length
      }
      // eslint-disable-next-line no-control-regex -- an escape that has only begun has nothing else in it
      if (text.length - at < LONGEST_ESCAPE && /^\x1b\[[ -?]*$/.test(text.slice(at))) return this.keep(text, at)
    } else if (STRINGS.includes(kind)) {
      this.swallowing = true
      return at + 2
    } else if (' #%()*+-./'.includes(kind)) {
      return text.length > at + 2 ? at + 3 : this.keep(text, at)
    } else if (kind >= '0' && kind <= '~') return at + 2
    // No escape after all: it is shown.
    this.write('^[', true)
    return at + 1
  }

  private keep(text: string, at: number): number {
    this.rest = text.slice(at)
    return text.length
  }

  private swallow(text: string, at: number): number {
    // A text that is never closed must not hide the log: it ends with its line.
    // eslint-disable-next-line no-control-regex -- BEL, ESC \, ST
    const end = /\x07|\x1b\\|\x9c|\n/.exec(text.slice(at))
    if (!end) {
      if (text.endsWith('\x1b')) this.rest = '\x1b'
      return text.length
    }
    this.swallowing = false
    return at + end.index + (end[0] === '\n' ? 0 : end[0].length)
  }

  private control(kind: string, numbers: string): void {
    const n = Math.max(1, Number.parseInt(numbers, 10) || 1)
    if (kind === 'm') {
      if (/^[\d;:]*$/.test(numbers)) this.style = sgr(this.style, numbers)
    } else if (kind === 'K') this.wipe(this.current(), Number(numbers) || 0)
    else if (kind === 'J') this.wipeBelow(Number(numbers) || 0)
    else if (kind === 'A' || kind === 'F') this.up(n, kind === 'F')
    else if (kind === 'B' || kind === 'E') this.down(n, kind === 'E')
    else if (kind === 'C') this.column = Math.min(WIDEST, this.column + n)
    else if (kind === 'D') this.column = Math.max(0, this.column - n)
    else if (kind === 'G') this.goTo(Math.min(WIDEST, n - 1))
  }

  private goTo(column: number): void {
    this.column = column
    if (column === 0) this.returned = true
  }

  private up(n: number, start: boolean): void {
    this.current()
    this.row = Math.max(0, this.row - Math.min(n, HIGHEST))
    this.returned = true
    if (start) this.column = 0
  }

  private down(n: number, start: boolean): void {
    this.current()
    this.row = Math.min(this.rows.length - 1, this.row + n)
    if (start) this.goTo(0)
  }

  private current(): Row {
    const row = this.rows[this.row]
    if (row) return row
    const made: Row = { key: this.keys++, line: this.line, lines: 1, redraws: 0, runs: [], width: 0, version: 0 }
    this.rows.push(made)
    this.row = this.rows.length - 1
    return made
  }

  private newLine(): void {
    this.current()
    this.line++
    this.row++
    this.column = 0
    this.returned = true
    const below = this.rows[this.row]
    // Down again after going up: one more line of the file in the same rows.
    if (below) below.lines = this.line - below.line + 1
  }

  private write(text: string, raw = false): void {
    const row = this.current()
    row.version++
    if (this.returned) {
      this.returned = false
      if (row.runs.length && this.column === 0) row.redraws++
    }
    const width = columns(text)
    const run: Run = raw ? { text, style: this.style, raw } : { text, style: this.style }
    if (this.column >= row.width) {
      if (this.column > row.width) push(row.runs, { text: ' '.repeat(this.column - row.width), style: PLAIN })
      push(row.runs, run)
      row.width = this.column + width
    } else if (this.column === 0 && width >= row.width) {
      row.runs = [run]
      row.width = width
    } else {
      const right = cut(row.runs, this.column + width, row.width)
      const left = cut(row.runs, 0, this.column)
      push(left, run)
      for (const one of right) push(left, one)
      row.runs = left
      row.width = Math.max(row.width, this.column + width)
    }
    this.column += width
  }

  private wipe(row: Row, what: number): void {
    row.version++
    if (row.runs.length && (what === 2 || (what === 0 && this.column === 0))) {
      row.redraws++
      this.returned = false
    }
    if (what === 1) {
      const right = cut(row.runs, this.column + 1, row.width)
      row.runs = [{ text: ' '.repeat(Math.min(this.column + 1, row.width)), style: PLAIN }, ...right]
    } else {
      row.runs = what === 2 ? [] : cut(row.runs, 0, this.column)
      row.width = what === 2 ? 0 : Math.min(row.width, this.column)
    }
  }

  private wipeBelow(what: number): void {
    // Wiping the whole screen is for screens that scroll; here what was said stays.
    if (what !== 0) return
    this.wipe(this.current(), 0)
    for (const row of this.rows.slice(this.row + 1)) {
      row.runs = []
      row.width = 0
      row.version++
    }
  }
}

function push(runs: Run[], run: Run): void {
  const last = runs.at(-1)
  if (last && last.style === run.style && last.raw === run.raw) runs[runs.length - 1] = { ...last, text: last.text + run.text }
  else runs.push(run)
}

function cut(runs: readonly Run[], from: number, to: number): Run[] {
  const found: Run[] = []
  let at = 0
  for (const run of runs) {
    const width = columns(run.text)
    if (at < to && at + width > from) {
      const text = between(run.text, Math.max(0, from - at), Math.min(width, to - at))
      if (text) found.push({ ...run, text })
    }
    at += width
  }
  return found
}

/** What a row says, without its looks. */
export const textOf = (row: Row): string => row.runs.map((run) => run.text).join('').trimEnd()
