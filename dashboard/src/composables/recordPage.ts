// What a page of values does: save, discard with undo, both versions when somebody else saved first, and Ctrl-S.
import { computed, ref } from 'vue'
import { useAction } from '@/composables/action'
import { useLeaving } from '@/composables/leaving'
import { useShortcuts } from '@/composables/shortcuts'
import type { Values } from '@/domain/record'
import { useWords } from '@/i18n'
import type { RecordFile } from '@/stores/recordFile'
import { useToasts } from '@/stores/toasts'

export function useRecordPage(file: RecordFile, words: { what: string; could: string; saved: () => string }) {
  const t = useWords()
  const toasts = useToasts()
  const { busy, act } = useAction()
  const diff = ref(false)
  const conflict = ref(false)

  function undoable(text: string, before: Values): void {
    toasts.undoable(text, () => Object.entries(before).forEach(([name, value]) => file.set(name, value)))
  }
  async function save(): Promise<void> {
    if (file.newer) {
      conflict.value = true
      return
    }
    const end = await act(words.could, file.save)
    if (end === 'saved') toasts.done(words.saved())
    if (end === 'stale') conflict.value = true
    if (end === 'refused') document.querySelector<HTMLElement>(`[data-field="${[...file.refused.keys()][0]}"]`)?.scrollIntoView({ block: 'center' })
  }
  function discard(): void {
    const before = file.mine
    file.discard()
    undoable(t('commands.discarded'), before)
  }
  function keepMine(): void {
    file.keepMine()
    void save()
  }
  function takeTheirs(): void {
    const before = file.mine
    file.discard()
    undoable(t('commands.tookTheirs'), before)
  }
  function merge(chosen: ReadonlyMap<string, 'mine' | 'theirs'>): void {
    file.merge(chosen)
    toasts.done(t('commands.merged'))
  }
  useShortcuts([{ key: 'Mod+s', group: 'page', everywhere: true, get label() { return t('commands.keys.save') }, run: () => void save() }])
  useLeaving(() => file.dirty, () => toasts.done(t('commands.kept', { config: words.what }, file.changed.length)))
  const note = computed(() => (file.unkept ? t('commands.unkept') : file.refused.size ? t('commands.refused') : undefined))
  return { note, busy, diff, conflict, save, discard, keepMine, takeTheirs, merge }
}
