// Something that is asked of the daemon: it comes, it fails, it can be asked for again. What failed and may come later is asked for again by
// itself: nothing else would tell, as long as what it is stays as it is. So is everything when the page speaks the other language, since the
// daemon's words are part of what it answers.
import { useEventListener } from '@vueuse/core'
import { onScopeDispose, ref, shallowRef, watch } from 'vue'
import { ApiFailure } from '@/domain/failure'
import { usePreferences } from './preferences'

/** Milliseconds until the first try of its own; each next pause is twice as long, up to the longest. */
export const FIRST_PAUSE = 2_000
export const LONGEST_PAUSE = 30_000

/** Whether the same question may be answered later: the daemon did not answer, was too busy, or failed itself. */
const mayPass = (failure: unknown) => failure instanceof ApiFailure && (failure.offline || failure.status === 429 || failure.status >= 500)
const words = (failure: unknown) => (failure instanceof Error ? failure.message : String(failure))

/** Tries end with the caller's scope, and when the page goes; a hidden tab waits. */
export function makeAsked<T>(read: (signal: AbortSignal) => Promise<T>, take: (found: T) => void) {
  const error = shallowRef<unknown>(null)
  /** Asked, and not answered; tries of its own are not shown. */
  const loading = ref(false)
  let current: AbortController | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let pause = FIRST_PAUSE

  /** Drops what is on its way. */
  function stop(): void {
    current?.abort()
    clearTimeout(timer)
    loading.value = false
  }
  /** Asks (again). An answer that was overtaken is dropped. */
  async function ask(): Promise<void> {
    stop()
    pause = FIRST_PAUSE
    loading.value = true
    await attempt()
  }
  async function attempt(): Promise<void> {
    const { signal } = (current = new AbortController())
    try {
      const found = await read(signal)
      if (signal.aborted) return
      error.value = null
      take(found)
    } catch (failure) {
      if (signal.aborted) return
      // The login lies over the page then, and asks again by itself.
      if (failure instanceof ApiFailure && failure.status === 401) return
      // Said once, however often it is tried.
      if (error.value === null || words(error.value) !== words(failure)) error.value = failure
      if (mayPass(failure)) later()
    } finally {
      if (!signal.aborted) loading.value = false
    }
  }
  function later(): void {
    timer = setTimeout(() => (document.visibilityState === 'hidden' ? later() : void attempt()), pause)
    pause = Math.min(2 * pause, LONGEST_PAUSE)
  }
  const preferences = usePreferences()
  watch(() => preferences.language, () => {
    if (!current) return
    stop()
    void attempt()
  })
  onScopeDispose(stop)
  useEventListener(window, 'pagehide', stop)

  return { error, loading, ask, stop }
}
