// What can be done to schedulers and their tasks, with the question that comes before what cannot be undone.
import { useAction } from '@/composables/action'
import { useClock } from '@/composables/clock'
import { useFormat } from '@/composables/format'
import { useTaskWords } from '@/composables/tasks'
import * as schedulers from '@/domain/scheduler'
import { useWords } from '@/i18n'
import { useConfirm } from '@/stores/confirm'
import { useToasts } from '@/stores/toasts'
import type { ConfigKey, RunInfo, RunTree, StopKind, Task, TaskAction } from '@/domain/scheduler'

export function useRunActions() {
  const t = useWords()
  const { busy, act } = useAction()
  const confirm = useConfirm()
  const toasts = useToasts()
  const format = useFormat()
  const names = useTaskWords()
  const { now } = useClock()

  const ranFor = (task: Task) => Math.max(0, (now.value - Date.parse(task.started_at ?? '')) / 1000) || 0
  const short = (task: Task) => (task.commands[0] ?? '').slice(0, 120)

  async function start(key: ConfigKey, resume: boolean): Promise<void> {
    const config = names.config(key)
    const done = await act(t('state.could.start', { config }), () => schedulers.start(key, resume))
    if (done) toasts.done(t(resume ? 'state.did.resume' : 'state.did.start', { config }))
  }

  /** The running tasks of a run, asked for where they are not at hand. */
  async function running(run: RunInfo, tree: RunTree | null): Promise<Task[]> {
    return schedulers.runningTasks(tree ?? schedulers.treeOfRun(await schedulers.readRun(run.run_id)))
  }

  async function stop(run: RunInfo, kind: StopKind, tree: RunTree | null): Promise<void> {
    const key = { mode: run.mode, index: run.config_index }
    const config = names.config(key)
    const what = t(`state.could.${kind}`, { config })
    if (kind === 'stop' && run.running_tasks > 0) {
      const tasks = await act(what, () => running(run, tree))
      if (!tasks) return
      const longest = Math.max(0, ...tasks.map(ranFor))
      const sure = !tasks.length || (await confirm.ask({
        title: t('state.ask.stop', { config }),
        effect: t('state.ask.stopEffect', { length: format.length(longest) }, tasks.length),
        details: tasks.map((task) => `${short(task)} · ${format.length(ranFor(task))}`),
        action: t('state.ask.stopAction', {}, tasks.length),
        danger: true,
      }))
      if (!sure) return
    }
    if (await act(what, () => schedulers.stop(key, kind))) toasts.done(t(`state.did.${kind}`, { config }))
  }

  /** Deletes a run that has ended; true once it is gone. */
  async function remove(run: RunInfo): Promise<boolean> {
    const config = names.config({ mode: run.mode, index: run.config_index })
    const sure = await confirm.ask({
      title: t('state.ask.delete', { config }),
      effect: t('state.ask.deleteEffect', {}, run.total_tasks),
      details: [t('state.ask.deleteBegun', { at: format.exact(new Date(run.started_at)), done: run.completed_tasks, total: run.total_tasks }), t('state.ask.deleteElsewhere')],
      action: t('state.ask.deleteAction'),
      danger: true,
    })
    if (!sure || !(await act(t('state.could.delete'), () => schedulers.deleteRun(run.run_id)))) return false
    toasts.done(t('state.did.delete'))
    return true
  }

  async function task(one: Task, action: TaskAction): Promise<void> {
    if (action === 'stop') {
      const sure = await confirm.ask({
        title: t('state.ask.stopTask'),
        effect: t('state.ask.stopTaskEffect', { length: format.length(ranFor(one)) }),
        details: [short(one)],
        action: t('state.ask.stopTaskAction'),
        danger: true,
      })
      if (!sure) return
    }
    const done = await act(t(`state.could.${action}Task`), () => schedulers.act(one.task_id, action))
    if (!done) return
    if (action === 'skip') toasts.undoable(t('state.did.skipTask'), () => act(t('state.could.undoSkip'), () => schedulers.act(one.task_id, 'retry')))
    else toasts.done(t(`state.did.${action}Task`))
  }

  return { busy, start, stop, remove, task }
}
