// The tasks of the runs that are looked at: live ones followed, ended ones asked for once.
import { effectScope, onScopeDispose, shallowRef, triggerRef, watch, type EffectScope } from 'vue'
import { readRun, treeOf, treeOfRun, type RunTree } from '@/domain/scheduler'
import { makeAsked } from '@/stores/asked'
import { useLive } from '@/stores/live'
import { useSession } from '@/stores/session'

export interface Wanted {
  runId: string
  running: boolean
}

/** `wanted` may change at any time; what it no longer names is let go. */
export function useRunTrees(wanted: () => readonly Wanted[]) {
  const live = useLive()
  const session = useSession()
  const trees = shallowRef(new Map<string, RunTree>())
  const errors = shallowRef(new Map<string, unknown>())
  const scopes = new Map<string, EffectScope>()

  const nameOf = ({ runId, running }: Wanted) => `${running ? 'live' : 'ended'} ${runId}`
  function put(runId: string, tree: RunTree | null): void {
    if (!tree) return
    trees.value.set(runId, tree)
    errors.value.delete(runId)
    triggerRef(trees)
  }

  function begin(one: Wanted): void {
    const scope = effectScope(true)
    scopes.set(nameOf(one), scope)
    scope.run(() => {
      if (one.running) live.follow(`run:${one.runId}`, (entries) => put(one.runId, treeOf(entries)))
      else {
        const { error, ask } = makeAsked((signal) => readRun(one.runId, signal), (run) => put(one.runId, treeOfRun(run)))
        watch(error, (now) => now && (errors.value = new Map(errors.value).set(one.runId, now)))
        watch([() => session.epoch, () => live.returns], () => void ask(), { immediate: true })
      }
    })
  }

  /** Asks for an ended run again. */
  function again(runId: string): void {
    end(nameOf({ runId, running: false }))
    begin({ runId, running: false })
  }
  function end(name: string): void {
    scopes.get(name)?.stop()
    scopes.delete(name)
  }

  watch(
    () => wanted().map(nameOf).sort().join('\n'),
    () => {
      const now = new Map(wanted().map((one) => [nameOf(one), one]))
      for (const name of [...scopes.keys()]) if (!now.has(name)) end(name)
      for (const [name, one] of now) if (!scopes.has(name)) begin(one)
      const kept = new Set([...now.values()].map((one) => one.runId))
      for (const runId of [...trees.value.keys()]) if (!kept.has(runId)) trees.value.delete(runId)
    },
    { immediate: true },
  )
  onScopeDispose(() => [...scopes.keys()].forEach(end))

  return { trees, errors, again }
}
