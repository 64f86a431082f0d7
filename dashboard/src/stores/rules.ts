// The rules in the editor.
import { defineStore } from 'pinia'
import { effectScope, shallowRef } from 'vue'
import { newerRules, readRules, saveRules, type RulesSaved } from '@/domain/rules'
import { makeRecord } from './recordFile'

export const useRules = defineStore('rules', () => {
  /** What the last save had to say. */
  const said = shallowRef<Pick<RulesSaved, 'restart' | 'warnings'>>({ restart: [], warnings: [] })
  const about = {}
  const file = effectScope(true).run(() =>
    makeRecord({
      name: 'rules',
      read: async () => ({ ...(await readRules()), about }),
      async save(mine, base, etag) {
        const saved = await saveRules(base, mine, etag)
        said.value = saved
        return { ...saved, about }
      },
      newer(error) {
        const found = newerRules(error)
        return found && { ...found, about }
      },
    }),
  )!
  return { file: () => file, said }
})
