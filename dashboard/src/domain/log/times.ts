// Times that programs write at the start of their lines, and where in a log a time is.

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
/** A time stands at the start of its line, after brackets and names at most. */
const LOOK = 100

const DAY = /(?:^|[^\d])(\d{4})[-/](\d{2})[-/](\d{2})[T ,]+(\d{2}):(\d{2}):(\d{2})(?:[.,]\d+)?\s*(Z|[+-]\d{2}:?\d{2})?/
const GLOG = /^[DIWEF](\d{2})(\d{2}) (\d{2}):(\d{2}):(\d{2})/
const NAMED = /\b([A-Z][a-z]{2})\s+(\d{1,2})\s+(\d{2}):(\d{2}):(\d{2})/
const CLOCK = /^\W{0,3}(\d{2}):(\d{2}):(\d{2})(?:[.,]\d+)?\b/

/** The time that a line carries; null when it carries none. `near` gives the year, or the day, where the line does not. */
export function timeOf(text: string, near: Date): Date | null {
  const head = text.slice(0, LOOK)
  const day = DAY.exec(head)
  if (day) {
    const [, year, month, date, hour, minute, second, zone] = day
    const at = zone
      ? new Date(`${year}-${month}-${date}T${hour}:${minute}:${second}${zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone}`)
      : new Date(Number(year), Number(month) - 1, Number(date), Number(hour), Number(minute), Number(second))
    return Number.isNaN(at.getTime()) ? null : at
  }
  const glog = GLOG.exec(head)
  if (glog) return inYear(near, Number(glog[1]) - 1, glog.slice(2))
  const named = NAMED.exec(head)
  const month = named ? MONTHS.indexOf(named[1]!.toLowerCase()) : -1
  if (named && month >= 0) return inYear(near, month, named.slice(2))
  const clock = CLOCK.exec(head)
  if (!clock) return null
  const [hour, minute, second] = clock.slice(1).map(Number) as [number, number, number]
  if (hour > 23 || minute > 59 || second > 59) return null
  return new Date(near.getFullYear(), near.getMonth(), near.getDate(), hour, minute, second)
}

function inYear(near: Date, month: number, rest: readonly (string | undefined)[]): Date {
  const [date, hour, minute, second] = rest.map(Number) as [number, number, number, number]
  return new Date(near.getFullYear(), month, date, hour, minute, second)
}

/** A line, as far as this needs it. */
interface Timed {
  offset: number
  end: number
  text: string
}

/** Bytes between which it is not halved further: one reading holds them. */
const CLOSE = 32 << 10
/** Lines that are looked at for a time, at each step. */
export const LINES_A_STEP = 40

/** The first line that carries `wanted` or a later time: its offset; null when none does. Halves the file, a reading a step. */
export async function findTime(size: number, wanted: Date, linesFrom: (offset: number) => Promise<Timed[]>): Promise<number | null> {
  let [low, high] = [0, size]
  while (high - low > CLOSE) {
    const middle = Math.floor((low + high) / 2)
    const lines = await linesFrom(middle)
    const timed = lines.map((line) => ({ line, at: timeOf(line.text, wanted) })).find(({ at }) => at !== null)
    // No time for many lines: what comes before them decides.
    if (!timed || timed.line.offset >= high) high = middle
    else if (timed.at! < wanted) low = Math.max(low + 1, timed.line.end)
    else high = middle
  }
  for (let at = low; at < size; ) {
    const lines = await linesFrom(at)
    const last = lines.at(-1)
    if (!last) return null
    const found = lines.find((line) => (timeOf(line.text, wanted) ?? new Date(-8e15)) >= wanted)
    if (found) return found.offset
    if (last.end <= at || at - high > 4 * CLOSE) return null
    at = last.end
  }
  return null
}
