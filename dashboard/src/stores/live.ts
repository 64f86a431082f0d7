// The one connection of the page, and how it stands. Who wants live data asks here.
import { defineStore } from 'pinia'
import { onScopeDispose, ref, watch } from 'vue'
import { linkToDaemon, type Entries, type LinkState } from '@/domain/live'
import { usePreferences } from './preferences'
import { useSession } from './session'

export const useLive = defineStore('live', () => {
  const session = useSession()
  const preferences = usePreferences()
  const state = ref<LinkState>('connecting')
  /** When something last came, by the browser's clock; null before anything did. */
  const heard = ref<number | null>(null)
  /** Why the daemon refuses, in its words. */
  const problem = ref<string | null>(null)
  /** Counts the times that the connection came back: what is not live is asked for again when it grows. */
  const returns = ref(0)
  let wasLive = false

  const link = linkToDaemon({
    hello: () => ({ token: session.token, lang: preferences.language === 'en' ? 'en' : 'zh' }),
    onState(next) {
      state.value = next
      if (next !== 'live') return
      if (wasLive) returns.value++
      wasLive = true
    },
    onHeard: () => (heard.value = Date.now()),
    onUnauthorized: () => session.lost(),
    onProblem: (message) => (problem.value = message),
  })

  /** Follows login and language from now on. */
  function start(): void {
    watch(
      [() => session.open, () => session.token, () => preferences.language],
      ([open]) => (open ? link.start() : link.stop()),
      { immediate: true },
    )
    const look = () => link.setHidden(document.visibilityState === 'hidden')
    document.addEventListener('visibilitychange', look)
    look()
  }

  /** Listens to a topic for as long as the caller's scope lives. */
  function follow(topic: string, listener: (entries: Entries) => void, rate?: number): () => void {
    const end = link.subscribe(topic, listener, rate)
    onScopeDispose(end, true)
    return end
  }
  const setRate = (topic: string, rate: number) => link.setRate(topic, rate)

  return { state, heard, problem, returns, start, follow, setRate }
})
