// One ad-hoc task, live.
import { useDebounceFn } from '@vueuse/core'
import { computed, watch } from 'vue'
import { endedUnheard, readTask, type AdhocTask } from '@/domain/tasks'
import { useAdhoc } from '@/stores/adhoc'
import { useLive } from '@/stores/live'
import { useCaughtUp } from './caughtUp'
import { useClock } from './clock'
import { useLoaded } from './loaded'

export function useTaskDetail(id: () => number) {
  const adhoc = useAdhoc()
  const live = useLive()
  const { now } = useClock()
  const loaded = useLoaded((signal) => readTask(id(), signal), [id, () => live.returns])
  const summary = computed(() => adhoc.tasks.get(id()))
  /** The newest that is known: the topic tells the summary, the rest comes when it is asked for again. */
  const task = computed<AdhocTask | undefined>(() => {
    const found = loaded.data.value
    if (!found || found.id !== id()) return undefined
    return summary.value ? { ...found, ...summary.value } : found
  })
  const again = useDebounceFn(() => void loaded.reload(), 300, { maxWait: 1500 })
  watch(() => JSON.stringify(summary.value), (_, was) => was !== undefined && again())
  /** What is known in full is of another moment than the summary. */
  function behind(): boolean {
    const found = loaded.data.value
    if (!found || found.id !== id()) return false
    const { status, attempt } = summary.value ?? found
    return status !== found.status || attempt !== found.attempt || endedUnheard([found], adhoc.tasks)
  }
  useCaughtUp(behind, () => loaded.data.value, loaded.reload)
  // Others that start or go move its place in the line.
  watch(() => adhoc.counts?.queued, () => task.value?.status === 'queued' && again())

  const ran = computed(() => {
    const { started_at, finished_at } = task.value ?? {}
    return started_at ? Math.max(0, ((finished_at ? Date.parse(finished_at) : now.value) - Date.parse(started_at)) / 1000) : null
  })
  return { ...loaded, task, ran }
}
