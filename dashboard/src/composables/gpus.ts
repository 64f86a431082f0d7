// The GPUs, live, for as long as the caller lives; and which of them tasks hold.
import { computed, shallowRef, triggerRef, watch } from 'vue'
import { useLoaded } from '@/composables/loaded'
import { readHistory, reportOf, seatsOf, SPANS, Traces, tracesOf, type GpuReport, type Sitting } from '@/domain/gpu'
import { useWords } from '@/i18n'
import { useLive } from '@/stores/live'
import { usePreferences } from '@/stores/preferences'
import { useRuns } from '@/stores/runs'

/** Why no GPU is there, in the daemon's words where it has some, and what to do. */
export function useNoGpus() {
  const t = useWords()
  return (message: string | null | undefined): string => (message ? t('gpu.noneBecause', { why: message, then: t('gpu.noneText') }) : t('gpu.noneText'))
}

// They outlive the page, so that coming back shows no gap.
const traces = shallowRef(new Traces())

export function useGpus() {
  const live = useLive()
  const preferences = usePreferences()
  const runs = useRuns()
  const report = shallowRef<GpuReport | null>(null)
  live.follow(
    'gpu',
    (entries) => {
      report.value = reportOf(entries)
      if (!report.value) return
      traces.value.take(report.value)
      triggerRef(traces)
    },
    preferences.rate,
  )
  // The daemon knows what was before this page was opened, and while it was away.
  const history = useLoaded((signal) => readHistory(SPANS[0], signal), [() => live.returns])
  watch(history.data, (found) => found && (traces.value = tracesOf(found)))
  watch(() => preferences.rate, (rate) => live.setRate('gpu', rate))

  const seats = shallowRef<ReadonlyMap<number, Sitting[]>>(new Map())
  live.follow('seats', (entries) => (seats.value = seatsOf(entries)))
  /** Indices of the GPUs that tasks hold: of live schedulers, and ad-hoc ones. */
  const held = computed(() => new Set([...runs.list.filter((head) => head.running).flatMap((head) => head.run.gpus_used), ...seats.value.keys()]))
  return { report, held, seats, traces }
}
