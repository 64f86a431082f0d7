// Figures as people read them.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `1536 MiB` as `1.5 GiB`. */
export function bytes(value: number): string {
  let power = 0
  let scaled = value
  while (scaled >= 1024 && power < UNITS.length - 1) {
    scaled /= 1024
    power++
  }
  const digits = power < 2 || scaled >= 100 ? 0 : 1
  return `${trimmed(scaled, digits)} ${UNITS[power]}`
}

/** In GiB, without the unit, for figures that stand side by side. */
export function gib(value: number): string {
  return trimmed(value / 2 ** 30, value >= 100 * 2 ** 30 ? 0 : 1)
}

function trimmed(value: number, digits: number): string {
  return value.toFixed(digits).replace(/\.0+$/, '')
}

/** Parts of a length of time, the two largest: `[['d', 2], ['h', 3]]`. */
export function parts(seconds: number): ['d' | 'h' | 'm' | 's', number][] {
  const whole = Math.max(0, Math.floor(seconds))
  const all: ['d' | 'h' | 'm' | 's', number][] = [
    ['d', Math.floor(whole / 86400)],
    ['h', Math.floor((whole % 86400) / 3600)],
    ['m', Math.floor((whole % 3600) / 60)],
    ['s', whole % 60],
  ]
  const first = all.findIndex(([, count]) => count > 0)
  if (first < 0) return [['s', 0]]
  return all.slice(first, first + 2).filter(([, count], at) => at === 0 || count > 0)
}

/** `[0,1,2,5]` as `0–2, 5`. */
export function ranges(numbers: readonly number[]): string {
  const sorted = [...new Set(numbers)].sort((a, b) => a - b)
  const found: [number, number][] = []
  for (const number of sorted) {
    const last = found.at(-1)
    if (last && last[1] === number - 1) last[1] = number
    else found.push([number, number])
  }
  return found.map(([a, b]) => (a === b ? `${a}` : b === a + 1 ? `${a}, ${b}` : `${a}–${b}`)).join(', ')
}
