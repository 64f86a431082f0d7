// Something that is asked of the daemon: it comes, it fails, it can be asked for again. A new login asks again by itself.
import { onScopeDispose, ref, shallowRef, watch, type WatchSource } from 'vue'
import { ApiFailure } from '@/domain/failure'
import { useSession } from '@/stores/session'

export function useLoaded<T>(load: (signal: AbortSignal) => Promise<T>, sources: WatchSource[] = []) {
  const data = shallowRef<T>()
  const error = shallowRef<unknown>(null)
  const loading = ref(false)
  const session = useSession()
  let current: AbortController | undefined

  /** Asks (again). An answer that was overtaken is dropped. */
  async function reload(): Promise<void> {
    current?.abort()
    const mine = (current = new AbortController())
    loading.value = true
    try {
      const found = await load(mine.signal)
      if (mine.signal.aborted) return
      data.value = found
      error.value = null
    } catch (failure) {
      if (mine.signal.aborted) return
      // The login lies over the page then, and brings us back here.
      if (!(failure instanceof ApiFailure && failure.status === 401)) error.value = failure
    } finally {
      if (!mine.signal.aborted) loading.value = false
    }
  }

  watch([() => session.epoch, ...sources], () => void reload(), { immediate: true })
  onScopeDispose(() => current?.abort())
  return { data, error, loading, reload }
}
