// The part of a log that the page holds: some thousand lines out of any number, as rows. It grows at either end and is
// trimmed at the other. Its last line may be open still, and comes again then. After a rotation what was there stays,
// above a divider.
import { markOf, type Mark } from './marks'
import { Screen, textOf, type Checkpoint, type Row } from './screen'

/** One line as the daemon tells it: its last state, colours and other escapes in it. */
export interface LogLine {
  /** Where it begins in the file, and where the next one does. */
  offset: number
  end: number
  text: string
  redraws: number
  /** It is longer than this. */
  cut: boolean
  /** Its end has not been written yet. */
  open: boolean
}

/** Lines that follow one another in the file. */
export interface Part {
  from: number
  to: number
  /** Number of the first one; null until the daemon has counted. */
  first: number | null
  lines: LogLine[]
}

/** Lines that are held, and what is left after a trim. */
export const MOST_LINES = 4000
const LEFT_LINES = 3000
/** The same in letters. */
const MOST_TEXT = 16 << 20
const LEFT_TEXT = 8 << 20
/** Numbers of lines that nobody has counted: far from all that are. */
const UNCOUNTED = 2 ** 50

/** A row of the pane. */
export type PaneRow =
  | { kind: 'row'; key: string; row: Row; number: number | null; mark: Mark | null; line: LogLine | undefined }
  /** Another file has the name now, or this one was cut: what follows begins at its start. */
  | { kind: 'break'; key: string }
  /** Between two hits of a search that are shown without what lies between them. */
  | { kind: 'gap'; key: string }

interface Section {
  id: number
  screen: Screen
  lines: LogLine[]
  /** Number of the first line; a made-up one until it is counted. */
  first: number
  counted: boolean
  /** How it stood before its last line, when that one is open. */
  before: Checkpoint | null
  /** It begins below a divider. */
  broken: boolean
}

const lettersOf = (lines: readonly LogLine[]): number => lines.reduce((sum, { text }) => sum + text.length, 0)

export class LogWindow {
  private sections: Section[] = []
  private made = 0
  private letters = 0
  private readonly marks = new WeakMap<Row, { version: number; mark: Mark | null }>()

  /** Where the window begins in the file that is there now; 0: nothing lies before it. */
  get from(): number {
    return this.last?.lines[0]?.offset ?? 0
  }
  /** From where on the rest is to be asked for: an open line comes again. */
  get next(): number {
    const line = this.last?.lines.at(-1)
    return line ? (line.open ? line.offset : line.end) : 0
  }
  /** Where it ends. */
  get to(): number {
    return this.last?.lines.at(-1)?.end ?? 0
  }
  get isEmpty(): boolean {
    return this.sections.every((section) => section.lines.length === 0)
  }
  /** Number of the first and the last line; null until they are counted. */
  get numbers(): { first: number; last: number } | null {
    const section = this.last
    return section?.counted && section.lines.length ? { first: section.first, last: section.first + section.lines.length - 1 } : null
  }
  get size(): number {
    return this.sections.reduce((sum, { lines }) => sum + lines.length, 0)
  }

  private get last(): Section | undefined {
    return this.sections.at(-1)
  }

  /** Forgets all, and begins with these lines. */
  open(part: Part): void {
    this.sections = []
    this.letters = 0
    this.begin(part)
  }

  /** The file is another one now, or was cut: a divider, and its lines below. */
  restart(part: Part): void {
    this.begin(part, !this.isEmpty)
    this.trimTop()
  }

  /** Lines that begin at `next`. */
  append(part: Part): void {
    const section = this.last
    if (!section?.lines.length) return this.open(part)
    if (!part.lines.length) return
    if (part.from !== this.next) throw new RangeError(`lines from ${part.from} on do not follow ${this.next}`)
    if (section.lines.at(-1)?.open) {
      this.letters -= lettersOf(section.lines.splice(-1))
      if (section.before) section.screen.restore(section.before)
    }
    section.before = null
    section.lines.push(...part.lines)
    this.letters += lettersOf(part.lines)
    for (const line of part.lines) this.feed(section, line)
    this.trimTop()
  }

  /** Lines that end where the window begins. */
  prepend(part: Part): void {
    const section = this.last
    if (!section || part.to !== this.from) throw new RangeError(`lines up to ${part.to} do not lead to ${this.from}`)
    // What is no longer in the file cannot stand between two parts of it.
    for (const old of this.sections.splice(0, this.sections.length - 1)) this.letters -= lettersOf(old.lines)
    section.broken = false
    section.lines.unshift(...part.lines)
    this.letters += lettersOf(part.lines)
    section.first -= part.lines.length
    if (part.first !== null) this.number(section, part.first)
    this.trimBottom()
    this.again(section)
  }

  /** The daemon has counted meanwhile: the line that begins at `offset` has this number. */
  setNumber(offset: number, number: number): boolean {
    const section = this.last
    const at = section && !section.counted ? section.lines.findIndex((line) => line.offset === offset) : -1
    if (!section || at < 0) return false
    this.number(section, number - at)
    this.again(section)
    return true
  }

  /** The rows, from the first to the last. */
  rows(): PaneRow[] {
    const rows: PaneRow[] = []
    for (const section of this.sections) {
      if (section.broken) rows.push({ kind: 'break', key: `b${section.id}` })
      for (const row of section.screen.rows) {
        rows.push({
          kind: 'row',
          key: `${section.id}:${row.line}`,
          row,
          number: section.counted ? row.line : null,
          mark: this.mark(row),
          line: section.lines[row.line - section.first],
        })
      }
    }
    return rows
  }

  /** Held lines by number, for copying. */
  text(from: number, to: number): string | null {
    const section = this.last
    const held = this.numbers
    if (!section || !held || from < held.first || to > held.last) return null
    const rows = section.screen.rows.filter((row) => row.line + row.lines > from && row.line <= to)
    return section.lines.slice(from - section.first, to - section.first + 1).some((line) => line.cut) ? null : rows.map(textOf).join('\n')
  }

  private mark(row: Row): Mark | null {
    const known = this.marks.get(row)
    if (known?.version === row.version) return known.mark
    const mark = markOf(textOf(row))
    this.marks.set(row, { version: row.version, mark })
    return mark
  }

  private number(section: Section, first: number): void {
    section.first = first
    section.counted = true
  }

  private begin(part: Part, broken = false): void {
    const section: Section = {
      id: ++this.made, screen: new Screen(), lines: [...part.lines],
      first: part.first ?? UNCOUNTED, counted: part.first !== null, before: null, broken,
    }
    this.letters += lettersOf(part.lines)
    this.sections.push(section)
    this.again(section)
  }

  /** Draws a section from its lines: looks and cursors of what was put before them go on in them. */
  private again(section: Section): void {
    section.screen = new Screen(section.first)
    section.before = null
    for (const line of section.lines) this.feed(section, line)
  }

  private feed(section: Section, line: LogLine): void {
    if (line.open) section.before = section.screen.checkpoint()
    section.screen.feed(line.text)
    section.screen.addRedraws(line.redraws)
    if (!line.open) section.screen.feed('\n')
  }

  private get tooMuch(): boolean {
    return this.size > MOST_LINES || this.letters > MOST_TEXT
  }

  private trimTop(): void {
    if (!this.tooMuch) return
    while (this.sections.length > 1) this.letters -= lettersOf(this.sections.shift()!.lines)
    const section = this.last
    if (!section) return
    section.broken = false
    let drop = Math.max(0, section.lines.length - LEFT_LINES)
    let left = this.letters - lettersOf(section.lines.slice(0, drop))
    while (left > LEFT_TEXT && drop < section.lines.length - 1) left -= section.lines[drop++]!.text.length
    section.lines.splice(0, drop)
    section.first += drop
    this.letters = left
    this.again(section)
  }

  private trimBottom(): void {
    const section = this.last
    if (!section || !this.tooMuch) return
    this.letters -= lettersOf(section.lines.splice(LEFT_LINES))
    while (this.letters > LEFT_TEXT && section.lines.length > 1) this.letters -= lettersOf(section.lines.splice(-1))
  }
}
