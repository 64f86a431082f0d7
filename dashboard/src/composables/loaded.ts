// Something that a page asks of the daemon, and asks again when a new login or what it depends on calls for it.
import { shallowRef, watch, type WatchSource } from 'vue'
import { makeAsked } from '@/stores/asked'
import { useSession } from '@/stores/session'

export function useLoaded<T>(load: (signal: AbortSignal) => Promise<T>, sources: WatchSource[] = []) {
  const data = shallowRef<T>()
  const session = useSession()
  const { error, loading, ask: reload } = makeAsked(load, (found) => (data.value = found))

  watch([() => session.epoch, ...sources], () => void reload(), { immediate: true })
  return { data, error, loading, reload }
}
