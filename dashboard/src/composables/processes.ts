// What the daemon knows of GPU processes beyond what is live: where each comes from, and how it would be ended. Asked for
// when a process comes that it has not been asked about.
import { useDebounceFn } from '@vueuse/core'
import { computed, watch } from 'vue'
import { nameOf, readProcesses, type OneProcess } from '@/domain/gpu'
import { useLoaded } from './loaded'

/** Many come at once when a task starts. */
const SETTLE = 800

export function useProcessDetails(processes: () => readonly OneProcess[]) {
  const { data, error, loading, reload } = useLoaded((signal) => readProcesses(signal))
  const details = computed(() => new Map((data.value?.processes ?? []).map((one) => [nameOf(one), one])))
  const hidden = computed(() => data.value?.hidden ?? null)

  const settle = useDebounceFn(() => reload(), SETTLE)
  const asked = new Set<string>()
  watch([() => processes().map((one) => one.key), data], ([keys]) => {
    // The first answer may be older than those that came while it was under way.
    if (!data.value) return
    const fresh = keys.filter((key) => !details.value.has(key) && !asked.has(key))
    for (const key of fresh) asked.add(key)
    if (fresh.length) void settle()
  })
  return { details, hidden, error, loading, reload }
}
