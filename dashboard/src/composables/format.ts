// Times and lengths in the language that is shown.
import { computed } from 'vue'
import { useWords } from '@/i18n'
import { parts } from '@/domain/units'
import { usePreferences } from '@/stores/preferences'

export function useFormat() {
  const t = useWords()
  const preferences = usePreferences()
  const exactly = computed(
    () =>
      new Intl.DateTimeFormat(preferences.language, {
        year: 'numeric', month: '2-digit', day: '2-digit',
        hour: '2-digit', minute: '2-digit', second: '2-digit',
        hourCycle: 'h23', timeZoneName: 'longOffset',
      }),
  )
  const names = { d: 'time.d', h: 'time.h', m: 'time.m', s: 'time.s' } as const

  /** `5 h 12 min`. */
  const length = (seconds: number): string => parts(seconds).map(([unit, n]) => t(names[unit], { n })).join(' ')
  /** `3 min ago`, `in 12 s`. */
  function ago(at: Date, now: number): string {
    const seconds = (now - at.getTime()) / 1000
    if (Math.abs(seconds) < 5) return t('time.now')
    const size = Math.abs(seconds)
    const said = t(...largest(size))
    return seconds > 0 ? t('time.ago', { length: said }) : t('time.in', { length: said })
  }
  function largest(seconds: number): [(typeof names)[keyof typeof names], { n: number }] {
    const [unit, n] = parts(seconds)[0] ?? ['s', 0]
    return [names[unit], { n }]
  }
  /** With date and zone. */
  function exact(at: Date): string {
    const parts = exactly.value.formatToParts(at)
    const zone = parts.find(({ type }) => type === 'timeZoneName')?.value
    // Where Chinese would put the zone between date and time, it goes last, as everywhere.
    const rest = parts.map(({ type, value }) => (type === 'timeZoneName' ? '' : value)).join('').trim().replace(/\s+/g, ' ')
    return zone ? `${rest} ${zone}` : rest
  }
  /** `3`, `12 345`. */
  const count = (n: number): string => n.toLocaleString(preferences.language)

  return { length, ago, exact, count }
}
