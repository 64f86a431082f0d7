// What of a log pane stands in the page's address: chosen lines, and the search. A second pane has names of its own.
import { computed, type WritableComputedRef } from 'vue'
import { linesOf, linesText, type Lines, type LogQuery } from '@/domain/log'
import { useQuery } from './query'

export function useLogAddress(suffix = '') {
  const linesSaid = useQuery(`lines${suffix}`)
  const text = useQuery(`find${suffix}`)
  const flag = (name: string): WritableComputedRef<boolean> => {
    const said = useQuery(name + suffix)
    return computed({ get: () => said.value === '1', set: (on) => (said.value = on ? '1' : undefined) })
  }
  const regex = flag('regex')
  const matchCase = flag('case')
  const only = flag('only')
  const around = useQuery(`around${suffix}`)

  const chosen = computed<Lines | null>({
    get: () => linesOf(linesSaid.value),
    set: (lines) => (linesSaid.value = lines ? linesText(lines) : undefined),
  })
  const context = computed<number>({
    get: () => Math.min(20, Math.max(0, Math.trunc(Number(around.value ?? 2)) || 0)),
    set: (lines) => (around.value = String(lines)),
  })
  const find = computed<string>({ get: () => text.value ?? '', set: (said) => (text.value = said || undefined) })
  const query = computed<LogQuery | null>(() =>
    find.value ? { text: find.value, regex: regex.value, case: matchCase.value, context: only.value ? context.value : 0 } : null,
  )
  return { chosen, find, regex, matchCase, only, context, query }
}
