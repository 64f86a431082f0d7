// Versions of the files that pages edit, live: who shows one reads it again when its version is another.
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import { useLive } from './live'

export interface FileHead {
  etag: string | null
  /** Why it cannot be read. */
  error?: string | null
  exists?: boolean
}

export const useFiles = defineStore('files', () => {
  const heads = shallowRef<ReadonlyMap<string, FileHead>>(new Map())
  useLive().follow('files', (entries) => (heads.value = new Map([...entries] as [string, FileHead][])))
  /** `single_0`, `rules`, `settings`, `bindings`; undefined until it is known. */
  const of = (name: string): FileHead | undefined => heads.value.get(name)
  return { heads, of }
})
