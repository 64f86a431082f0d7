// One log in a pane: what of it is held, and how that follows the file. What is seen of it is the view's own affair.
import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue'
import { fileOf, LogWindow, nameOf, readAfter, readBefore, readLines, readTail, timeOffset, withRead, type LogHead, type LogName, type PaneRow, type Reading } from '@/domain/log'
import { useLive } from '@/stores/live'
import { ApiFailure } from '@/domain/failure'
import { useRuns } from '@/stores/runs'
import { useSession } from '@/stores/session'
import { useCaughtUp } from './caughtUp'

/** Lines that are asked for at once. */
const PAGE = 200
/** Milliseconds between two paints of what is new: a bar moves four times a second. */
const PAINT = 250
/** Farther behind than this, the end is opened anew rather than all read that was missed. */
const FAR = 512 << 10

export type PaneState = 'opening' | 'waiting' | 'trouble' | 'failed' | 'ready'

export function useLogPane(log: () => LogName) {
  const live = useLive()
  const session = useSession()
  const runs = useRuns()
  const held = new LogWindow()
  const rows = shallowRef<PaneRow[]>([])
  const head = shallowRef<LogHead | null>(null)
  /** What the live connection told last. */
  const heard = shallowRef<LogHead | null>(null)
  /** What was told with the last piece. */
  const facts = shallowRef<Omit<Reading, 'part' | 'head'> | null>(null)
  const opened = ref(false)
  const error = shallowRef<unknown>(null)
  /** Why the last reading failed, when something of the log is there already. */
  const problem = shallowRef<unknown>(null)
  /** The task has not run yet: there is no file to wait for. */
  const absent = ref(false)
  const following = ref(true)
  /** Lines and bytes when it stopped following; what came since is what is new. */
  const paused = shallowRef<{ lines: number | null; size: number } | null>(null)
  const busy = ref(false)
  let current = new AbortController()
  let unlisten: (() => void) | undefined
  let painting: ReturnType<typeof setTimeout> | undefined
  let lastPaint = 0

  const state = computed<PaneState>(() => {
    if (error.value) return 'failed'
    if (!opened.value) return 'opening'
    if (rows.value.length) return 'ready'
    if (head.value?.trouble) return 'trouble'
    return head.value?.exists && !absent.value ? 'ready' : 'waiting'
  })
  const atStart = ref(true)
  const atEnd = ref(true)

  function paint(): void {
    rows.value = held.rows()
    atStart.value = held.from <= 0
    atEnd.value = !head.value || held.to >= head.value.size
  }

  function take(reading: Reading): Reading {
    const { head: told, task, encoding, badBytes, binary } = reading
    head.value = withRead(head.value, told)
    remember()
    facts.value = { task, encoding, badBytes, binary }
    return reading
  }

  /** One reading at a time; another log, or another place, ends those before it. */
  async function read(ask: (signal: AbortSignal) => Promise<Reading>, use: (reading: Reading) => void): Promise<boolean> {
    const { signal } = current
    busy.value = true
    try {
      const reading = take(await ask(signal))
      if (signal.aborted) return false
      use(reading)
      error.value = problem.value = null
      absent.value = false
      opened.value = true
      paint()
      return true
    } catch (failure) {
      if (signal.aborted) return false
      if (failure instanceof ApiFailure && failure.code === 'no_log' && held.isEmpty) absent.value = opened.value = true
      // What is there stays; the connection tells by itself when it is lost.
      else if (opened.value) problem.value = failure
      else if (!(failure instanceof ApiFailure && failure.status === 401)) error.value = failure
      return false
    } finally {
      if (!signal.aborted) busy.value = false
    }
  }

  function again(): void {
    current.abort()
    current = new AbortController()
    busy.value = false
  }

  /** Opens the end. */
  async function toEnd(): Promise<void> {
    again()
    const near = !held.isEmpty && head.value !== null && fileOf(head.value) === file && head.value.size - held.to < FAR
    follow()
    if (near) return pull()
    await read((signal) => readTail(log(), PAGE, signal), begin)
  }

  /** Which file is held, by name and generation: what is told of another one is not about what is held. */
  let file = ''
  function begin({ part, head }: Reading): void {
    file = fileOf(head)
    held.open(part)
  }

  /** Opens around a line; true when it is there. */
  async function toLine(line: number): Promise<boolean> {
    pause()
    const numbers = held.numbers
    if (numbers && line >= numbers.first && line <= numbers.last && file === fileOf(head.value)) return true
    again()
    return read((signal) => readLines(log(), Math.max(1, line - PAGE / 2), PAGE, signal), begin)
  }

  /** Opens around a byte: lines before it, and lines from there on. */
  async function toOffset(offset: number): Promise<boolean> {
    pause()
    again()
    return read(async (signal) => {
      const { part: above } = offset > 0 ? await readBefore(log(), offset, PAGE / 2, signal) : { part: null }
      const reading = await readAfter(log(), above?.lines.length ? above.to : 0, PAGE / 2, signal)
      if (!above?.lines.length) return reading
      const { part } = reading
      return { ...reading, part: { from: above.from, to: part.to, first: above.first, lines: [...above.lines, ...part.lines] } }
    }, begin)
  }

  /** Where the first line is that carries this time or a later one; null when there is none. */
  async function timeAt(at: Date): Promise<number | null> {
    const { signal } = current
    busy.value = true
    try {
      return await timeOffset(log(), head.value?.size ?? 0, at, signal)
    } finally {
      if (!signal.aborted) busy.value = false
    }
  }

  /** The next piece at one end, when there is one. */
  async function more(where: 'up' | 'down'): Promise<void> {
    if (busy.value || !opened.value || fileOf(head.value) !== file) return
    // Thousands of lines may be a few rows, where bars go up and down: the view is never filled then.
    if (held.size > 10 * PAGE && rows.value.length < PAGE) return
    if (where === 'up') {
      if (held.from > 0) await read((signal) => readBefore(log(), held.from, PAGE, signal), ({ part }) => part.lines.length && held.prepend(part))
    } else if (held.to < (head.value?.size ?? 0)) {
      await read((signal) => readAfter(log(), held.next, PAGE, signal), ({ part }) => held.append(part))
    }
  }

  /** What is new, at most so often. */
  async function pull(): Promise<void> {
    clearTimeout(painting)
    const wait = lastPaint + PAINT - Date.now()
    if (wait > 0 || busy.value) {
      painting = setTimeout(() => void pull(), Math.max(wait, PAINT / 4))
      return
    }
    const told = head.value
    if (!told) return
    lastPaint = Date.now()
    if (fileOf(told) !== file) return anew()
    if (!following.value || told.size <= held.to) return
    if (told.size - held.to > FAR) await read((signal) => readTail(log(), PAGE, signal), begin)
    else await read((signal) => readAfter(log(), held.next, 5 * PAGE, signal), append)
    if (following.value && head.value && head.value.size > held.to) void pull()
  }

  function append({ part, head }: Reading): void {
    if (fileOf(head) === file) held.append(part)
  }

  /** Another file has the name now: what is held stays above a divider. */
  async function anew(): Promise<void> {
    const path = held.isEmpty ? null : file.slice(file.indexOf(' ') + 1)
    await read((signal) => readTail(log(), PAGE, signal), ({ part, head }) => {
      // The log of another attempt has nothing to do with what is held.
      if (head.log_path === path) held.restart(part)
      else held.open(part)
      file = fileOf(head)
    })
  }

  function pause(): void {
    if (!following.value) return
    following.value = false
    remember()
  }

  /** What is new is told from what there was; where nothing was known yet, from the first that is. */
  function remember(): void {
    if (!following.value && !paused.value && head.value) paused.value = { lines: head.value.total_lines, size: head.value.size }
  }

  function follow(): void {
    following.value = true
    paused.value = null
  }

  /** A person reached the bottom of what is held. */
  function reachedEnd(): void {
    if (!following.value && atEnd.value && fileOf(head.value) === file) follow()
    else void more('down')
  }

  /** What came since it stopped following. */
  const unseen = computed(() => {
    const was = paused.value
    const now = head.value
    if (!was || !now) return null
    if (was.lines !== null && now.total_lines !== null && now.total_lines >= was.lines) return { lines: now.total_lines - was.lines, bytes: null }
    return { lines: null, bytes: Math.max(0, now.size - was.size) }
  })

  function listen(): void {
    unlisten?.()
    heard.value = null
    unlisten = live.follow(`log:${nameOf(log())}`, (entries) => {
      const told = entries.get('log') as LogHead | undefined
      if (!told) return
      heard.value = told
      const counted = head.value?.total_lines == null && told.total_lines !== null
      head.value = told
      remember()
      atEnd.value = held.to >= told.size
      if (counted && opened.value && held.numbers === null && !held.isEmpty) void count()
      if (told.exists && absent.value) void open()
      else if (opened.value && (fileOf(told) !== file || following.value)) void pull()
    })
  }

  /** The lines have been counted meanwhile: the first one that is held learns its number. */
  async function count(): Promise<void> {
    const { from } = held
    await read((signal) => readAfter(log(), from, 1, signal), ({ part }) => part.first !== null && held.setNumber(from, part.first))
  }

  /** Begins with a log: at its end, or at a line. */
  async function open(line?: number): Promise<boolean> {
    again()
    clearTimeout(painting)
    opened.value = absent.value = false
    error.value = problem.value = null
    head.value = facts.value = null
    held.open({ from: 0, to: 0, first: 1, lines: [] })
    file = ''
    follow()
    paint()
    listen()
    if (line === undefined) return read((signal) => readTail(log(), PAGE, signal), begin)
    return toLine(line)
  }

  // A piece that was read may be of another file, whichever is the newer: where the live connection stays with its own, that one is.
  useCaughtUp(() => heard.value !== null && fileOf(heard.value) !== fileOf(head.value), () => head.value, () => {
    head.value = heard.value
    void pull()
  })
  // What was missed while the connection was gone, or another logged in.
  watch([() => live.returns, () => session.epoch], () => (opened.value ? void pull() : void open()))
  // A task that starts brings its log.
  watch(() => runs.heads, () => absent.value && void open())
  onScopeDispose(() => {
    current.abort()
    clearTimeout(painting)
    unlisten?.()
  })

  return { held, rows, head, facts, state, error, problem, following, unseen, busy, atStart, atEnd, open, toEnd, toLine, toOffset, timeAt, more, pause, reachedEnd }
}
