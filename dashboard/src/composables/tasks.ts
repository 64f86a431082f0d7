// Tasks and command files as people call them.
import type { ConfigKey } from '@/domain/scheduler'
import type { TaskRef } from '@/domain/gpu'
import { useWords } from '@/i18n'

export function useTaskWords() {
  const t = useWords()
  /** `Single GPU · config 1`. */
  const config = ({ mode, index }: ConfigKey): string => t('config', { mode: t(`mode.${mode}`), n: index + 1 })
  /** `Single GPU 1 · queue 3 · task 2`. */
  function named(task: TaskRef): string {
    return t('gpu.task', { mode: t(`mode.${task.mode}`), config: task.config_index + 1, queue: task.queue_id, n: task.process_index + 1 })
  }
  return { config, named }
}
