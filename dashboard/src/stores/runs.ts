// Schedulers and their runs, live.
import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { Run } from '@/domain/scheduler'

export const useRuns = defineStore('runs', () => {
  /** Newest first; the live ones with their tasks. Null until they have come. */
  const runs = shallowRef<Run[] | null>(null)
  const counts = computed(() => {
    const found = { running: 0, waiting: 0, failed: 0 }
    for (const run of runs.value ?? []) {
      found.running += run.running_tasks
      found.waiting += run.pending_tasks
      found.failed += run.failed_tasks
    }
    return found
  })
  return { runs, counts }
})
