// One clock for all relative times of the page. It rests while the tab is hidden.
import { computed, readonly, ref } from 'vue'

const now = ref(Date.now())
/** The daemon's clock less the browser's: times come from the daemon. */
const skew = ref(0)
const daemonNow = computed(() => now.value + skew.value)
let ticking = false

function tick(): void {
  if (document.visibilityState === 'visible') now.value = Date.now()
}

/** `now` is the daemon's, as far as its last message told; it moves once a second. */
export function useClock() {
  if (!ticking) {
    ticking = true
    setInterval(tick, 1000)
    document.addEventListener('visibilitychange', tick)
  }
  return { now: daemonNow, browserNow: readonly(now) }
}

/** Learns from an answer that says when it was sent, to the second. Small differences are the network's. */
export function setDaemonTime(at: number): void {
  const difference = at - Date.now()
  if (Math.abs(difference - skew.value) > 1500) skew.value = Math.abs(difference) > 1500 ? difference : 0
}
