// Ad-hoc tasks, live: how many stand where, and those that change while one looks.
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { Counts, Summary } from '@/domain/tasks'
import { useLive } from './live'

export const useAdhoc = defineStore('adhoc', () => {
  const live = useLive()
  /** Null until they have come. */
  const counts = shallowRef<Counts | null>(null)
  const tasks = shallowRef<ReadonlyMap<number, Summary>>(new Map())
  live.follow('tasks', (entries) => {
    const found = new Map<number, Summary>()
    for (const [key, value] of entries) {
      if (key === 'counts') counts.value = value as Counts
      else found.set(Number(key), value as Summary)
    }
    tasks.value = found
  })
  return { counts, tasks }
})
