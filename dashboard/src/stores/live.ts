// The one connection of the page, and how it stands.
import { defineStore } from 'pinia'
import { ref } from 'vue'

export const useLive = defineStore('live', () => {
  const state = ref<'connecting' | 'live' | 'lost'>('connecting')
  /** When the daemon was last heard of, by its own clock. */
  const heard = ref<number | null>(null)
  function start(): void {}
  return { state, heard, start }
})
