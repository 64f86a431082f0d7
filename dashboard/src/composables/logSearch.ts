// A search through a whole log, done by the daemon: hits come as they are found, and one of them is the current one.
import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue'
import { behind, searchLog, type LogHit, type LogName, type LogQuery } from '@/domain/log'

/** Milliseconds after the last key before it is searched for. */
const PAUSE = 250
/** Between two times that what came is shown. */
const SHOW = 120

export function useLogSearch(log: () => LogName, query: () => LogQuery | null) {
  const hits = shallowRef<readonly LogHit[]>([])
  const total = ref(0)
  /** 0 to 1. */
  const progress = ref(0)
  const done = ref(true)
  const error = shallowRef<unknown>(null)
  const at = ref(-1)
  let current: AbortController | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  async function run(): Promise<void> {
    current?.abort()
    const wanted = query()
    hits.value = []
    total.value = 0
    progress.value = 0
    error.value = null
    at.value = -1
    done.value = !wanted
    if (wanted) await search(wanted, (current = new AbortController()).signal)
  }

  /** Searches all, or what comes behind the hits that are listed. */
  async function search(wanted: LogQuery, signal: AbortSignal, offset?: number): Promise<void> {
    const found = [...hits.value]
    const before = offset === undefined ? 0 : found.length
    let shown = 0
    try {
      for await (const event of searchLog(log(), wanted, signal, offset)) {
        if (signal.aborted) return
        if (event.event === 'hit') found.push(event)
        else total.value = Math.max(total.value, before + event.total)
        if (event.event !== 'hit') progress.value = event.event === 'end' ? 1 : event.size ? event.scanned / event.size : 0
        if (Date.now() - shown < SHOW) continue
        shown = Date.now()
        hits.value = [...found]
        total.value = Math.max(total.value, found.length)
      }
    } catch (failure) {
      if (signal.aborted) return
      error.value = failure
    }
    hits.value = found
    total.value = Math.max(total.value, found.length)
    done.value = true
  }

  /** More hits were counted than listed: those behind the last one. */
  async function further(): Promise<void> {
    const [wanted, last] = [query(), hits.value.at(-1)]
    if (!wanted || !last || !done.value || total.value <= hits.value.length) return
    done.value = false
    const { signal } = (current = new AbortController())
    try {
      await search(wanted, signal, await behind(log(), last, signal))
    } catch (failure) {
      if (signal.aborted) return
      error.value = failure
      done.value = true
    }
  }

  const changed = () => {
    clearTimeout(timer)
    done.value = false
    timer = setTimeout(() => void run(), PAUSE)
  }
  watch(() => JSON.stringify([log(), query()]), (_, was) => (was === undefined ? void run() : changed()), { immediate: true })
  onScopeDispose(() => {
    clearTimeout(timer)
    current?.abort()
  })

  /** The hit after or before the one that is current; the first time, the one nearest to what is seen. */
  function step(by: 1 | -1, seen: number | null): LogHit | undefined {
    const { value: list } = hits
    if (!list.length) return undefined
    if (at.value < 0 && seen !== null) {
      const next = list.findIndex((hit) => hit.offset >= seen)
      at.value = by > 0 ? (next < 0 ? 0 : next) : next < 0 ? list.length - 1 : (next - 1 + list.length) % list.length
    } else at.value = (at.value + by + list.length) % list.length
    if (at.value >= list.length - 10) void further()
    return list[at.value]
  }

  const currentHit = computed(() => hits.value[at.value] ?? null)
  return { hits, total, progress, done, error, at, current: currentHit, step, again: run }
}
