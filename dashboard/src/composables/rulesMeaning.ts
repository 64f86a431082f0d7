// What rules mean, as sentences.
import { useFormat } from '@/composables/format'
import type { Values } from '@/domain/record'
import { ranges } from '@/domain/units'
import { useWords } from '@/i18n'
import { usePreferences } from '@/stores/preferences'

export function useRulesMeaning() {
  const t = useWords()
  const format = useFormat()
  const preferences = usePreferences()
  const number = (value: unknown): number => (typeof value === 'number' ? value : Number(value) || 0)

  return (rules: Values): string[] => {
    const chinese = preferences.language === 'zh-CN'
    const [comma, stop] = chinese ? ['，', '。'] : [', ', '.']
    const gpus = (rules.compete_gpus as number[] | null) ?? []
    const which = rules.use_all_gpus ? t('rules.words.all') : gpus.length ? t('rules.words.some', { gpus: ranges(gpus) }) : t('rules.words.noneChosen')
    const left = number(rules.gpu_left)
    const others = left > 0 ? t('rules.words.left', { left, min: number(rules.min_gpu) }) : t('rules.words.leftNone')
    const pack = t(rules.maximize_resource_utilization ? 'rules.words.pack' : 'rules.words.alone')
    const order = t(rules.memory_save_mode ? 'rules.words.fit' : 'rules.words.spread')
    const most = number(rules['retry_config.max_retries'])
    const retry = most === 0 ? t('rules.words.retryNone') : t('rules.words.retry', {
      delay: format.length(number(rules['retry_config.retry_delay'])),
      most,
      n: number(rules['retry_config.max_retry_before_backoff']),
      rest: format.length(number(rules['retry_config.backoff_duration'])),
    })
    const timeout = number(rules.task_timeout)
    return [
      [which, t('rules.words.most', { max: number(rules.max_gpu) }), others].join(comma) + stop,
      [pack, order].join(chinese ? '；' : '; ') + stop,
      `${retry}${chinese ? '' : ' '}${t(rules.on_failure === 'continue' ? 'rules.words.goOn' : 'rules.words.stop')}`,
      ...(timeout > 0 ? [t('rules.words.timeout', { length: format.length(timeout) })] : []),
    ]
  }
}
