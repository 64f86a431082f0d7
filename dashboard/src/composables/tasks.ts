// Tasks and command files as people call them.
import { failedOf, type ConfigKey } from '@/domain/scheduler'
import type { TaskRef } from '@/domain/gpu'
import { useWords } from '@/i18n'

export function useTaskWords() {
  const t = useWords()
  /** `Single GPU · config 1`. */
  const config = ({ mode, index }: ConfigKey): string => t('config', { mode: t(`mode.${mode}`), n: index + 1 })
  /** `Single GPU 1 · queue 3 · task 2`; a task of another gpuyard is said to be one. */
  function named({ mode, config_index, queue_id, process_index, root, task_id }: TaskRef): string {
    if (root !== null) return t('gpu.foreignTask', { root })
    if (mode === null || config_index === null || queue_id === null || process_index === null) return t('gpu.adhoc', { id: task_id })
    return t('gpu.task', { mode: t(`mode.${mode}`), config: config_index + 1, queue: queue_id, n: process_index + 1 })
  }
  /** What the daemon keeps of a failure, in the language of the page. */
  function failed(error: string): string {
    const found = failedOf(error)
    return found.kind === 'other' ? found.text : t(`state.why.${found.kind}`, 'n' in found ? { n: found.n } : {})
  }
  return { config, named, failed }
}
