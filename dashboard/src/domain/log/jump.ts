// What a person writes into "go to": a line, some lines, a part of the way, or a time.
import type { Lines } from './address'

export type Goal =
  | { kind: 'lines'; lines: Lines }
  | { kind: 'part'; part: number }
  | { kind: 'time'; at: Date }

/** `1204`, `1,204`, `120-140`, `50%`, `14:03`, `14:03:20`, `2026-11-26 14:03`. Null: none of these. A time without a day is the last one that was. */
export function goalOf(text: string, now: Date): Goal | null {
  const said = text.trim()
  const lines = /^(\d[\d,_ ]*)(?:\s*[-–~]\s*(\d[\d,_ ]*))?$/.exec(said)
  if (lines) {
    const [a, b] = [digits(lines[1]), digits(lines[2] ?? lines[1])]
    return a > 0 && b > 0 && Math.max(a, b) < 1e15 ? { kind: 'lines', lines: { from: Math.min(a, b), to: Math.max(a, b) } } : null
  }
  const part = /^(\d+(?:\.\d+)?)\s*%$/.exec(said)
  if (part) return Number(part[1]) <= 100 ? { kind: 'part', part: Number(part[1]) / 100 } : null
  const time = /^(?:(\d{4})-(\d{1,2})-(\d{1,2})[T ]\s*)?(\d{1,2})[:：](\d{2})(?:[:：](\d{2}))?$/.exec(said)
  if (!time) return null
  const [year, month, day, hour, minute, second] = time.slice(1).map((number) => (number === undefined ? undefined : Number(number)))
  if (hour! > 23 || minute! > 59 || (second ?? 0) > 59) return null
  const at = year === undefined
    ? new Date(now.getFullYear(), now.getMonth(), now.getDate(), hour, minute, second ?? 0)
    : new Date(year, month! - 1, day, hour, minute, second ?? 0)
  if (year !== undefined && (at.getMonth() !== month! - 1 || at.getDate() !== day)) return null
  if (year === undefined && at > now) at.setDate(at.getDate() - 1)
  return { kind: 'time', at }
}

const digits = (text: string | undefined) => Number((text ?? '').replace(/[,_ ]/g, ''))
