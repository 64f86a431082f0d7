// The newest run of each command file, live; and the tasks of one run for whoever looks at it.
import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { keyOf, type RunHead } from '@/domain/scheduler'
import { useLive } from './live'

export const useRuns = defineStore('runs', () => {
  const live = useLive()
  /** By name of the command file; null until it has come. */
  const heads = shallowRef<Map<string, RunHead> | null>(null)
  live.follow('schedulers', (entries) => {
    heads.value = new Map([...entries] as [string, RunHead][])
  })

  const list = computed(() => [...(heads.value?.values() ?? [])])
  /** Null until they are known. */
  const counts = computed(() => {
    if (!heads.value) return null
    const found = { running: 0, waiting: 0, failed: 0 }
    for (const { running, run } of list.value) {
      found.failed += run.failed_tasks
      if (!running) continue
      found.running += run.running_tasks
      found.waiting += run.pending_tasks
    }
    return found
  })
  const of = (mode: 'single' | 'multi', index: number) => heads.value?.get(keyOf({ mode, index }))
  /** Is another when a run began, ended, or was deleted by anybody. */
  const standing = computed(() => list.value.map(({ run, running, runs }) => `${run.run_id} ${running} ${runs}`).join())
  return { heads, list, counts, of, standing }
})
