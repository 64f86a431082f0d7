// What was asked for and what the live connection tells may pass each other on their way: an end that was told before the answer
// to an earlier question came, or while nobody was connected, is told no more.
import { onScopeDispose, watch } from 'vue'
import { useLive } from '@/stores/live'

/** Milliseconds in which what is only under way comes by itself. */
export const GRACE = 1000

/** Asks again as long as `behind` says that something was missed. `found` is what was asked for, another thing with each answer. */
export function useCaughtUp(behind: () => boolean, found: () => unknown, again: () => unknown): void {
  const live = useLive()
  let timer: ReturnType<typeof setTimeout> | undefined
  const missed = () => live.state === 'live' && behind()
  watch([missed, found], () => {
    if (timer !== undefined || !missed()) return
    timer = setTimeout(() => {
      timer = undefined
      if (missed()) again()
    }, GRACE)
  })
  onScopeDispose(() => clearTimeout(timer))
}
