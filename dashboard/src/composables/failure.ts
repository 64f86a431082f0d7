// An error in words: why, and what to do; and as a report that can be pasted into a message.
import { ApiFailure } from '@/domain/failure'
import { useWords } from '@/i18n'

export function useFailureWords() {
  const t = useWords()

  function why(error: unknown): string {
    if (!(error instanceof ApiFailure)) return error instanceof Error ? error.message : String(error)
    if (error.offline) return t('error.offline')
    if (error.status === 401) return t('error.unauthorized')
    if (error.status === 429) return t('error.tooOften')
    return error.message
  }

  function report(what: string, error: unknown): string {
    const lines = [`gpuyard · ${what}`, why(error)]
    if (error instanceof ApiFailure) {
      lines.push(`${error.call} → ${error.status || 'no answer'} ${error.code}`)
      lines.push(...error.errors.map((one) => `${one.field}: ${one.message}`))
    }
    lines.push(new Date().toISOString(), `${location.pathname}${location.search}`)
    return lines.join('\n')
  }

  return { why, report }
}
