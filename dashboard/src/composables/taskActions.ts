// Cancelling and running again. What waits is cancelled at once, with an undo; what runs is asked about first.
import { cancelTasks, retryTask, type Summary } from '@/domain/tasks'
import { useWords } from '@/i18n'
import { useConfirm } from '@/stores/confirm'
import { useToasts } from '@/stores/toasts'
import { useAction } from './action'
import { useClock } from './clock'
import { useFormat } from './format'

/** Tasks that the question names one by one. */
const NAMED = 8

export function useTaskActions(after: () => unknown) {
  const t = useWords()
  const format = useFormat()
  const confirm = useConfirm()
  const toasts = useToasts()
  const { now } = useClock()
  const { busy, act } = useAction()

  const ranFor = (task: Summary) => (task.started_at ? Math.max(0, (now.value - Date.parse(task.started_at)) / 1000) : 0)

  async function cancel(tasks: readonly Summary[]): Promise<boolean> {
    const running = tasks.filter((task) => task.status === 'running')
    const waiting = tasks.filter((task) => task.status === 'queued')
    if (!running.length && !waiting.length) return false
    if (running.length) {
      const sure = await confirm.ask({
        title: t('tasks.ask.title', {}, running.length),
        effect: [
          t('tasks.ask.effect', { length: format.length(running.reduce((sum, task) => sum + ranFor(task), 0)) }, running.length),
          ...(waiting.length ? [t('tasks.ask.also', {}, waiting.length)] : []),
        ].join(' '),
        details: running.slice(0, NAMED).map((task) => t('tasks.ask.line', { id: task.id, name: task.name, length: format.length(ranFor(task)) })),
        action: t('tasks.ask.action', {}, running.length),
        danger: true,
      })
      if (!sure) return false
    }
    const told = await act(t('tasks.couldNot.cancel'), () => cancelTasks([...waiting, ...running].map((task) => task.id)))
    if (!told) return false
    const asked = new Set(tasks.map((task) => task.id))
    const also = told.cancelled.filter((id) => !asked.has(id)).length
    const extra = [
      also && t('tasks.dependents', {}, also),
      told.over.length && t('tasks.cancelOver', {}, told.over.length),
    ].filter(Boolean)
    if (told.cancelled.length) {
      toasts.undoable([t('tasks.cancelled', {}, told.cancelled.length), ...extra].join(' · '), () => bringBack(told.cancelled))
    }
    if (told.cancelling.length) toasts.done(t('tasks.cancelledRunning', {}, told.cancelling.length))
    if (!told.cancelled.length && !told.cancelling.length) toasts.failed([told.message, ...extra].join(' · '))
    after()
    return true
  }

  async function bringBack(ids: readonly number[]): Promise<void> {
    // In the order in which they were made, so that they stand in it again.
    for (const id of [...ids].sort((a, b) => a - b)) {
      if ((await act(t('tasks.couldNot.retry'), () => retryTask(id))) === undefined) break
    }
    after()
  }

  async function retry(task: Summary): Promise<void> {
    if ((await act(t('tasks.couldNot.retry'), () => retryTask(task.id))) === undefined) return
    toasts.done(t('tasks.retried', { id: task.id }))
    after()
  }

  return { busy, cancel, retry, ranFor }
}
