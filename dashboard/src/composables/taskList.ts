// The list of ad-hoc tasks: pages as one goes down, live states in them.
import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue'
import { endedUnheard, LONGEST_PAGE, merged, PAGE, readTasks, type Page, type Summary, type Wanted } from '@/domain/tasks'
import { useAdhoc } from '@/stores/adhoc'
import { useLive } from '@/stores/live'
import { GRACE, useCaughtUp } from './caughtUp'
import { useLoaded } from './loaded'

export function useTaskList(wanted: () => Wanted) {
  const adhoc = useAdhoc()
  const live = useLive()
  /** So many are shown; asked for again, a list does not grow shorter under whoever reads it. */
  let length = PAGE
  watch(() => JSON.stringify(wanted()), () => (length = PAGE))
  const first = useLoaded(
    (signal) => readTasks(wanted(), undefined, signal, Math.min(length, LONGEST_PAGE)),
    [() => JSON.stringify(wanted()), () => live.returns],
  )
  const further = shallowRef<Summary[]>([])
  const cursor = ref<string | null>(null)
  const loadingMore = ref(false)
  const moreError = shallowRef<unknown>(null)
  let current: AbortController | undefined

  watch(first.data, (page) => {
    current?.abort()
    loadingMore.value = false
    further.value = []
    moreError.value = null
    cursor.value = page?.next_cursor ?? null
  })

  async function more(): Promise<void> {
    if (!cursor.value || loadingMore.value) return
    const { signal } = (current = new AbortController())
    loadingMore.value = true
    try {
      const page: Page = await readTasks(wanted(), cursor.value, signal)
      if (signal.aborted) return
      further.value = [...further.value, ...page.tasks]
      length += page.tasks.length
      cursor.value = page.next_cursor
      moreError.value = null
    } catch (failure) {
      if (!signal.aborted) moreError.value = failure
    } finally {
      if (!signal.aborted) loadingMore.value = false
    }
  }

  const asked = computed(() => [...(first.data.value?.tasks ?? []), ...further.value])
  const tasks = computed(() => merged(asked.value, adhoc.tasks, wanted(), cursor.value !== null))
  useCaughtUp(() => endedUnheard(asked.value, adhoc.tasks), () => asked.value, first.reload)
  const counts = computed(() => adhoc.counts ?? first.data.value?.counts ?? null)

  // What only the daemon can tell of a new task, and which were pruned, it is asked again.
  let timer: ReturnType<typeof setTimeout> | undefined
  const made = computed(() => Object.values(adhoc.counts ?? {}).reduce((sum, count) => sum + count, 0))
  watch(made, (now, was) => {
    if (!was || (now >= was && !wanted().q)) return
    clearTimeout(timer)
    timer = setTimeout(() => void first.reload(), GRACE)
  })
  onScopeDispose(() => {
    current?.abort()
    clearTimeout(timer)
  })

  return { ...first, tasks, counts, more, cursor, loadingMore, moreError }
}
