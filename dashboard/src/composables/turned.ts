// What a person has folded or unfolded: it stays so, here and in the address.
import { computed, ref, watch } from 'vue'
import { kept } from '@/stores/kept'
import { useQuery } from './query'

/** An address of more than this is not one to send to anybody. */
const MOST_IN_ADDRESS = 12
/** What was folded long ago is forgotten. */
const MOST_KEPT = 2000

const isList = (value: unknown) => Array.isArray(value) && value.every((one) => typeof one === 'string')

export function useTurned(name: string) {
  const stored = kept<string[]>(`turned.${name}`, [], isList)
  const inAddress = useQuery('fold')
  const list = ref<string[]>(inAddress.value?.split(',').filter(Boolean) ?? stored.value)
  const turned = computed<ReadonlySet<string>>(() => new Set(list.value))

  function turn(keys: readonly string[], on?: boolean): void {
    const next = new Set(list.value)
    for (const key of keys) {
      if (on ?? !next.has(key)) next.add(key)
      else next.delete(key)
    }
    list.value = [...next].slice(-MOST_KEPT)
  }
  watch(list, (next) => {
    stored.value = next
    inAddress.value = next.length && next.length <= MOST_IN_ADDRESS ? next.join(',') : undefined
  })
  return { turned, turn }
}
