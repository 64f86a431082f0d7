// Values of rules and settings in words.
import { useWords } from '@/i18n'

export function useRecordWords() {
  const t = useWords()
  function shown(value: unknown): string {
    if (value === true) return t('record.yes')
    if (value === false) return t('record.no')
    if (value === null || value === undefined || value === '') return t('record.none')
    if (Array.isArray(value)) return value.length ? value.join(', ') : t('record.none')
    if (typeof value === 'object') {
      const lines = Object.entries(value).map(([name, one]) => `${name}=${String(one)}`)
      return lines.length ? lines.join('\n') : t('record.none')
    }
    return String(value)
  }
  return { shown }
}
