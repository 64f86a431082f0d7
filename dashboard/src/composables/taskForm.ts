// The form of a task: new, a copy of one, or a change of one that waits. Its draft is kept until it is sent.
import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue'
import { changeTask, cloneOf, makeTasks, readTask } from '@/domain/tasks'
import { copyOf, EMPTY, fieldsOf, formOf, same, taskOf, troubles, type TaskForm } from '@/domain/tasks/form'
import { ApiFailure } from '@/domain/failure'
import { useWords } from '@/i18n'
import { draftSlot } from '@/stores/drafts'
import { useAction } from './action'
import { useLoaded } from './loaded'

export type FormSource = { kind: 'new' } | { kind: 'copy' | 'change'; id: number }

const isForm = (value: unknown): value is TaskForm =>
  typeof value === 'object' && value !== null && Object.entries(EMPTY).every(([key, empty]) => typeof (value as Record<string, unknown>)[key] === typeof empty) && Array.isArray((value as TaskForm).axes)

export function useTaskForm(source: FormSource) {
  const t = useWords()
  const { busy, act } = useAction()
  const slot = draftSlot(source.kind === 'new' ? 'task' : `task.${source.kind}.${source.id}`, isForm)
  const form = ref<TaskForm>({ ...EMPTY })
  /** What "reset" goes back to. */
  const prefill = shallowRef<TaskForm>({ ...EMPTY })
  const fromDraft = ref(false)
  const tried = ref(false)
  const refused = shallowRef<ApiFailure | null>(null)
  const ready = ref(false)

  const loaded = useLoaded<TaskForm>(async (signal) => {
    if (source.kind === 'new') return { ...EMPTY }
    return formOf(source.kind === 'copy' ? await cloneOf(source.id, signal) : await readTask(source.id, signal))
  })
  watch(loaded.data, (found) => {
    if (!found || ready.value) return
    prefill.value = found
    const draft = slot.read()
    fromDraft.value = draft !== undefined && !same(draft, found)
    form.value = copyOf(fromDraft.value && draft ? draft : found)
    ready.value = true
  }, { immediate: true })

  const dirty = computed(() => ready.value && !same(form.value, prefill.value))
  let timer: ReturnType<typeof setTimeout> | undefined
  const keep = () => ready.value && slot.write(dirty.value ? form.value : undefined)
  watch(form, () => {
    refused.value = null
    clearTimeout(timer)
    timer = setTimeout(keep, 200)
  }, { deep: true })
  // Whoever reloads does not wait for a timer.
  addEventListener('pagehide', keep)
  onScopeDispose(() => {
    removeEventListener('pagehide', keep)
    clearTimeout(timer)
    keep()
  })

  const found = computed(() => troubles(form.value))
  /** The words for a field: the daemon's, or ours once it was tried. */
  function wrong(field: keyof TaskForm): string | undefined {
    const told = refused.value?.of(field) ?? (field === 'axes' ? refused.value?.errors.find((error) => error.field.startsWith('matrix'))?.message : undefined)
    const trouble = found.value[field]
    return told ?? (tried.value && trouble ? t(`tasks.form.wrong.${trouble}`) : undefined)
  }

  function reset(): void {
    form.value = copyOf(prefill.value)
    tried.value = fromDraft.value = false
  }

  /** Ids of what was made or changed; undefined when it was not. */
  async function send(): Promise<number[] | undefined> {
    tried.value = true
    if (Object.keys(found.value).length) return undefined
    const change = source.kind === 'change'
    const ids = await act(t(change ? 'tasks.couldNot.change' : 'tasks.couldNot.make'), async () => {
      try {
        if (source.kind !== 'change') return (await makeTasks(taskOf(form.value))).ids
        await changeTask(source.id, fieldsOf(form.value))
        return [source.id]
      } catch (error) {
        if (error instanceof ApiFailure && error.errors.length) refused.value = error
        throw error
      }
    })
    if (!ids) return undefined
    clearTimeout(timer)
    prefill.value = copyOf(form.value)
    slot.write(undefined)
    return ids
  }

  return { form, ready, error: loaded.error, loading: loaded.loading, reload: loaded.reload, dirty, fromDraft, wrong, reset, send, busy }
}
