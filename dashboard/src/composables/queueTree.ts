// The tree of one command file as it is looked at and worked on: folds, filter, selection, the row that has the keys, and edits.
import { computed, inject, provide, ref, shallowRef, triggerRef, watch, type InjectionKey, type Ref } from 'vue'
import * as commands from '@/domain/commands'
import type { Row, Task, Tree } from '@/domain/commands'
import { useWords } from '@/i18n'
import type { CommandFile } from '@/stores/commandFile'
import { useToasts } from '@/stores/toasts'

/** A file of no more tasks than this comes unfolded. */
const UNFOLDED_UP_TO = 60

export type QueueTree = ReturnType<typeof makeQueueTree>
const KEY: InjectionKey<QueueTree> = Symbol('queue tree')

/** The tree that the page shows; for whatever stands in it. */
export function useQueueTree(): QueueTree {
  const found = inject(KEY)
  if (!found) throw new Error('no queue tree here')
  return found
}

export function provideQueueTree(file: CommandFile, multi: boolean, filter: Ref<string>): QueueTree {
  const tree = makeQueueTree(file, multi, filter)
  provide(KEY, tree)
  return tree
}

function makeQueueTree(file: CommandFile, multi: boolean, filter: Ref<string>) {
  const t = useWords()
  const toasts = useToasts()
  const open = shallowRef<ReadonlySet<number>>(new Set())
  const chosen = shallowRef(new Set<number>())
  /** The row that has the keys. */
  const active = ref<number | null>(null)
  /** Asks the view to show and focus a row, and one of its fields. */
  const wanted = shallowRef<{ key: number; field?: 'commands' | 'id' } | null>(null)
  const make = commands.rowMaker()
  const shape = computed(() => ({ open: open.value, filter: filter.value.trim().toLowerCase() }))
  const rows = computed<Row[]>(() => make(file.tree, shape.value))

  // --- folds ---

  const isOpen = (key: number) => open.value.has(key)
  function fold(key: number, on = !isOpen(key)): void {
    const next = new Set(open.value)
    if (on) next.add(key)
    else next.delete(key)
    open.value = next
  }
  const unfoldAll = () => (open.value = new Set([...open.value, ...file.tree.map((queue) => queue.key)]))
  const foldAll = () => (open.value = new Set())
  /** Queues that have been here: how they are folded is for people to say. */
  const met = new Set<number>()
  watch(
    [() => file.tree, () => file.base] as const,
    ([tree, base], [, before]) => {
      const fresh = tree.flatMap(({ key }) => (met.has(key) ? [] : [key]))
      for (const key of fresh) met.add(key)
      // What I add is unfolded, or not, by what I did.
      const fromFile = base !== before
      if (fromFile && fresh.length && commands.countTasks(tree) <= UNFOLDED_UP_TO) open.value = new Set([...open.value, ...fresh])
    },
    { immediate: true },
  )

  // --- selection ---

  /** Selected tasks that are still there. */
  const selected = computed(() => {
    if (!chosen.value.size) return chosen.value
    return new Set(file.tree.flatMap(({ tasks }) => tasks.flatMap(({ key }) => (chosen.value.has(key) ? [key] : []))))
  })
  let anchor: number | null = null
  function choose(keys: readonly number[], on: boolean): void {
    for (const key of keys) {
      if (on) chosen.value.add(key)
      else chosen.value.delete(key)
    }
    anchor = keys.at(-1) ?? null
    triggerRef(chosen)
  }
  /** With Shift: all tasks from the last one chosen to this one. */
  function chooseTo(key: number, on: boolean): void {
    const places = [anchor, key].map((one) => rows.value.findIndex((row) => row.key === one))
    const [from, to] = [Math.min(...places), Math.max(...places)]
    const between = from < 0 ? [key] : rows.value.slice(from, to + 1).flatMap((row) => (row.kind === 'task' ? [row.key] : []))
    choose(between, on)
  }
  const clear = () => (chosen.value = new Set())

  // --- edits ---

  function focus(key: number, field?: 'commands' | 'id'): void {
    active.value = key
    wanted.value = { key, field }
  }
  const rowAt = (key: number | null) => rows.value.find((row) => row.key === key)
  /** Undo for 8 s. What was done since stays. */
  function undoable(text: string, before: Tree): void {
    const after = file.tree
    toasts.undoable(text, () => {
      if (file.tree === after) file.undo()
      else file.edit(commands.merge(after, file.tree, before).tree)
    })
  }

  function likeTask(near?: Task): Task {
    const like = near ?? file.tree.at(-1)?.tasks.at(-1)
    return commands.newTask({ memory: like?.memory ?? 8, gpuCount: multi ? (like?.gpuCount ?? 2) : 1 })
  }
  function addTask(queueKey: number, after?: number): void {
    const queue = commands.findQueue(file.tree, queueKey)
    if (!queue) return
    const index = after === undefined ? queue.tasks.length : queue.tasks.findIndex(({ key }) => key === after) + 1
    const task = likeTask(queue.tasks[Math.max(0, index - 1)])
    file.edit(commands.insertTasks(file.tree, queueKey, [task], index))
    open.value = new Set([...open.value, queueKey, task.key])
    focus(task.key, 'commands')
  }
  function addQueue(): void {
    const task = likeTask()
    file.edit(commands.insertQueue(file.tree, [task]))
    open.value = new Set([...open.value, file.tree.at(-1)!.key, task.key])
    focus(task.key, 'commands')
  }
  /** Adds tasks to a queue, or (null) to one of their own. */
  function addTasks(queueKey: number | null, tasks: Task[], after?: number): void {
    const queue = queueKey === null ? undefined : commands.findQueue(file.tree, queueKey)
    const index = after === undefined ? Infinity : (queue?.tasks.findIndex(({ key }) => key === after) ?? -1) + 1
    file.edit(queue ? commands.insertTasks(file.tree, queue.key, tasks, index) : commands.insertQueue(file.tree, tasks))
    fold(queue?.key ?? file.tree.at(-1)!.key, true)
    if (tasks[0]) focus(tasks[0].key)
    toasts.done(t('commands.pasteAdded', {}, tasks.length))
  }
  function remove(keys: ReadonlySet<number>): void {
    const before = file.tree
    const place = rows.value.findIndex((row) => row.key === active.value)
    const queue = keys.size === 1 ? commands.findQueue(before, [...keys][0]!) : undefined
    file.edit(commands.remove(before, keys))
    undoable(queue ? t('commands.removedQueue', { id: queue.id }) : t('commands.removedTasks', {}, keys.size), before)
    const next = rows.value[Math.min(place, rows.value.length - 1)]
    if (place >= 0 && next) focus(next.key)
  }
  function duplicate(keys: ReadonlySet<number>): void {
    const known = new Set(file.tree.flatMap((queue) => [queue.key, ...queue.tasks.map(({ key }) => key)]))
    file.edit(commands.duplicate(file.tree, keys))
    const made = file.tree.find((queue) => !known.has(queue.key)) ?? file.tree.flatMap(({ tasks }) => tasks).find(({ key }) => !known.has(key))
    if (made) focus(made.key)
  }
  function step(key: number, by: 1 | -1): void {
    file.edit(commands.step(file.tree, key, by))
    const home = commands.find(file.tree, key)?.queue.key
    if (home !== undefined) fold(home, true)
    focus(key)
  }
  function setTasks(keys: ReadonlySet<number>, fields: commands.TaskFields, of?: string): void {
    file.edit(commands.setTasks(file.tree, keys, fields), of)
  }
  const setTask = (key: number, fields: commands.TaskFields) => setTasks(new Set([key]), fields, `${key}.${Object.keys(fields).join()}`)

  return {
    file, multi, filter, rows, open, isOpen, fold, foldAll, unfoldAll, selected, choose, chooseTo, clear,
    active, wanted, focus, rowAt, undoable, addTask, addQueue, addTasks, remove, duplicate, step, setTasks, setTask,
  }
}
