// What the status page lists: the newest run of each command file, or the runs that have ended.
import { computed, type Ref } from 'vue'
import { useLoaded } from '@/composables/loaded'
import { useRunTrees } from '@/composables/runTrees'
import { byKey, filters, isOpen, keyOf, readRuns, rowsOf, type Filter, type RunEntry, type Shown } from '@/domain/scheduler'
import { useLive } from '@/stores/live'
import { useRuns } from '@/stores/runs'

interface Choice {
  past: Ref<boolean>
  /** Only runs of this command file. */
  config: Ref<string | undefined>
  filter: Ref<Filter>
  turned: Ref<ReadonlySet<string>>
}

export function useStateRuns({ past, config, filter, turned }: Choice) {
  const live = useLive()
  const runs = useRuns()
  const earlier = useLoaded(async (signal) => (past.value ? readRuns(signal) : []), [past, () => live.returns, () => runs.standing])

  const heads = computed<Omit<RunEntry, 'tree'>[]>(() => {
    if (past.value) {
      const running = new Set(runs.list.filter((head) => head.running).map((head) => head.run.run_id))
      return (earlier.data.value ?? [])
        .filter((run) => !running.has(run.run_id))
        .filter((run) => config.value === undefined || keyOf({ mode: run.mode, index: run.config_index }) === config.value)
        .map((run) => ({ key: run.run_id, running: false, run }))
    }
    const all = [...(runs.heads ?? [])].map(([key, head]) => ({ key, ...head }))
    // What lives comes first, then what ended last.
    return all.sort((a, b) => Number(b.running) - Number(a.running) || (a.running ? byKey(a.key, b.key) : b.run.started_at.localeCompare(a.run.started_at)))
  })

  /** Whether any task of a run may pass, by its counts alone. */
  function mayShow({ run }: Omit<RunEntry, 'tree'>, show: Shown): boolean {
    const counts: Partial<Record<Shown, number>> = { running: run.running_tasks, waiting: run.pending_tasks, failed: run.failed_tasks, done: run.completed_tasks }
    return (counts[show] ?? 1) > 0
  }
  const wanted = computed(() =>
    heads.value
      .filter((entry) => (filters(filter.value) ? mayShow(entry, filter.value.show) : isOpen({ ...entry, tree: null }, turned.value)))
      .map(({ run, running }) => ({ runId: run.run_id, running })),
  )
  const { trees, errors, again } = useRunTrees(() => wanted.value)

  const entries = computed<RunEntry[]>(() => heads.value.map((head) => {
    const tree = trees.value.get(head.run.run_id) ?? null
    // The tree's own head came with its tasks, so that counts and rows agree.
    return { ...head, run: tree?.run ?? head.run, tree }
  }))
  const rows = computed(() => rowsOf(filters(filter.value) ? entries.value.filter((entry) => mayShow(entry, filter.value.show)) : entries.value, filter.value, turned.value))
  const ready = computed(() => (past.value ? earlier.data.value !== undefined : runs.heads !== null))

  return { entries, rows, ready, errors, again, earlier }
}
