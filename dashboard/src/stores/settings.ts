// The settings in the editor.
import { defineStore } from 'pinia'
import { effectScope, shallowRef } from 'vue'
import { changeSecret, newerSettings, readSettings, saveSettings, type AboutSettings } from '@/domain/settings'
import { makeRecord } from './recordFile'
import { useSession } from './session'

export const useSettings = defineStore('settings', () => {
  const session = useSession()
  const said = shallowRef<{ restart: string[]; warnings: string[] }>({ restart: [], warnings: [] })
  const file = effectScope(true).run(() =>
    makeRecord<AboutSettings>({
      name: 'settings',
      read: () => readSettings(),
      async save(mine, base, etag) {
        said.value = await saveSettings(base, mine, etag)
        // What waits for a restart is told anew.
        return readSettings()
      },
      newer: newerSettings,
    }),
  )!
  /** The daemon ends every login, this one too. */
  async function setSecret(secret: string): Promise<string[]> {
    const warnings = await changeSecret(secret)
    session.lost()
    return warnings
  }
  return { file: () => file, said, setSecret }
})
