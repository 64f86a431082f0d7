// Something that a click does: busy while it is done, safe against a second click, and in words when it fails.
import { ref } from 'vue'
import { useToasts } from '@/stores/toasts'
import { useFailureWords } from './failure'

/** `what` names the deed for the error: "Could not start config 1". */
export function useAction() {
  const busy = ref(false)
  const toasts = useToasts()
  const words = useFailureWords()

  async function act<T>(what: string, deed: () => Promise<T>): Promise<T | undefined> {
    if (busy.value) return undefined
    busy.value = true
    try {
      return await deed()
    } catch (error) {
      toasts.failed(`${what}: ${words.why(error)}`, words.report(what, error))
      return undefined
    } finally {
      busy.value = false
    }
  }
  return { busy, act }
}
