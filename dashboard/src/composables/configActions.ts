// What can be done to a command file as a whole: save, start, stop, reset, delete, and the way between form and text.
import { useAction } from '@/composables/action'
import { useRunActions } from '@/composables/runActions'
import { useTaskWords } from '@/composables/tasks'
import * as commands from '@/domain/commands'
import type { RunInfo, RunTree, StopKind } from '@/domain/scheduler'
import { useWords } from '@/i18n'
import type { CommandFile } from '@/stores/commandFile'
import { useConfirm } from '@/stores/confirm'
import { useFileTexts } from '@/stores/fileText'
import { useToasts } from '@/stores/toasts'

interface Around {
  run: RunInfo | null
  running: boolean
  tree: RunTree | null
  /** Shows both versions, in the view that they are of. */
  conflict(of: 'form' | 'text'): void
}

export function useConfigActions(file: CommandFile, around: () => Around) {
  const t = useWords()
  const toasts = useToasts()
  const confirm = useConfirm()
  const texts = useFileTexts()
  const names = useTaskWords()
  const { busy, act } = useAction()
  const runActions = useRunActions()
  const config = () => names.config(file.key)

  /** True once all of it is saved. */
  async function save(): Promise<boolean> {
    if (!file.dirty) return true
    const end = await act(t('commands.could.save', { config: config() }), file.save)
    if (end === 'stale') around().conflict('form')
    if (end === 'saved') toasts.done(t(around().running ? 'commands.savedRunning' : 'commands.savedIdle'))
    return end === 'saved'
  }
  /** The same for the text: where the parser finds errors, they are asked about. */
  async function saveText(): Promise<boolean> {
    const text = texts.of(file.key)
    if (!text.dirty) return true
    // Whoever saves right after typing is warned all the same.
    if (!text.checked) await text.check()
    const errors = text.checked?.findings.some(({ severity }) => severity === 'error')
    if (errors && !(await confirm.ask({ title: t('commands.textSaveErrors'), effect: t('commands.textSaveErrorsText'), action: t('commands.textSaveAction') }))) return false
    const end = await act(t('commands.could.save', { config: config() }), text.save)
    if (end === 'stale') around().conflict('text')
    if (end !== 'saved') return false
    toasts.done(t(around().running ? 'commands.savedRunning' : 'commands.savedIdle'))
    await file.look()
    return true
  }
  /** Whatever of it is not saved. */
  const saveAll = async (): Promise<boolean> => (await save()) && (!texts.dirty(file.key) || (await saveText()))
  async function start(resume: boolean): Promise<void> {
    if (await saveAll()) await runActions.start(file.key, resume)
  }
  const startSaved = () => runActions.start(file.key, false)
  async function stop(kind: StopKind): Promise<void> {
    const { run, tree } = around()
    if (run) await runActions.stop(run, kind, tree)
  }
  async function reset(): Promise<void> {
    const sure = await confirm.ask({
      title: t('commands.resetAsk', { config: config() }),
      effect: t('commands.resetEffect'),
      details: file.dirty ? [t('commands.resetDrafts')] : [],
      action: t('commands.reset'),
    })
    if (!sure) return
    await act(t('commands.could.reset', { config: config() }), async () => {
      await commands.resetCommands(file.key)
      file.discard()
      await file.look()
      toasts.done(t('commands.resetDone', { config: config() }))
    })
  }
  async function remove(fileName: string): Promise<boolean> {
    const tasks = t('commands.tasks', {}, commands.countTasks(file.tree))
    const sure = await confirm.ask({
      title: t('commands.deleteAsk', { config: config() }),
      effect: t('commands.deleteEffect', { file: fileName, tasks }),
      action: t('commands.delete'),
      danger: true,
    })
    if (!sure) return false
    const gone = await act(t('commands.could.delete', { config: config() }), () => commands.deleteCommands(file.key))
    if (!gone) return false
    file.discard()
    file.keep()
    toasts.done(t('commands.deleted', { config: config() }))
    return true
  }
  /** Form and text are two ways to one file: what one of them has not saved is saved or discarded first. */
  async function toView(to: 'form' | 'text'): Promise<boolean> {
    const ways = { action: t('commands.saveFirst'), other: t('commands.discard') }
    if (to === 'text') {
      if (!file.dirty) return true
      const chosen = await confirm.choose({ title: t('commands.textFromForm'), effect: t('commands.textFromFormText'), ...ways })
      if (chosen === 'other') discardForm()
      return chosen === 'other' || (chosen === 'action' && (await save()))
    }
    if (!texts.dirty(file.key)) return true
    const chosen = await confirm.choose({ title: t('commands.textLeave'), effect: t('commands.textLeaveText'), ...ways })
    if (chosen === 'other') discardText()
    return chosen === 'other' || (chosen === 'action' && (await saveText()))
  }
  function discardForm(): void {
    const before = file.tree
    file.discard()
    toasts.undoable(t('commands.discarded'), () => file.edit(before))
  }
  function discardText(): void {
    const text = texts.of(file.key)
    const before = text.mine
    text.discard()
    toasts.undoable(t('commands.discarded'), () => text.type(before))
  }
  return { busy, save, saveText, start, startSaved, stop, reset, remove, toView }
}
