// The keys of the tree: through its rows as through a file, and edits of the row that has them.
import { useShortcuts } from '@/composables/shortcuts'
import { useWords, type Key } from '@/i18n'
import type { Shortcut } from '@/stores/keys'
import type { QueueTree } from './queueTree'

const FIELD = 'input:not([type=checkbox]), textarea, select'

const hereIn = (tree: QueueTree) => () => tree.rowAt(tree.active.value)

/** Selects the row that has the keys, or all up to it. */
function choose(tree: QueueTree, range: boolean): void {
  const row = hereIn(tree)()
  if (!row) return
  const keys = row.kind === 'task' ? [row.key] : row.queue.tasks.map(({ key }) => key)
  if (range && row.kind === 'task') tree.chooseTo(row.key, true)
  else tree.choose(keys, !keys.every((key) => tree.selected.value.has(key)))
}

/** Edits by key; `?` shows them. */
export function useRowShortcuts(tree: QueueTree): void {
  const t = useWords()
  const here = hereIn(tree)
  const inTree = () => document.activeElement?.closest('[role=treegrid]') != null && here() !== undefined
  const onRow = () => document.activeElement?.getAttribute('role') === 'row' && here() !== undefined
  const keysOf = (key: number): ReadonlySet<number> => (tree.selected.value.has(key) ? tree.selected.value : new Set([key]))
  const shortcut = (key: string, label: Key, when: () => boolean, run: (key: number) => void, everywhere = false): Shortcut => ({
    key, when, everywhere, group: 'page', get label() { return t(label) }, run: () => run(tree.active.value ?? -1),
  })

  useShortcuts([
    shortcut('Enter', 'commands.keys.edit', onRow, edit),
    shortcut('Space', 'commands.keys.select', onRow, () => choose(tree, false)),
    shortcut('n', 'commands.keys.newTask', () => true, newTask),
    shortcut('q', 'commands.keys.newQueue', () => true, tree.addQueue),
    shortcut('Alt+ArrowUp', 'commands.keys.up', inTree, (key) => tree.step(key, -1), true),
    shortcut('Alt+ArrowDown', 'commands.keys.down', inTree, (key) => tree.step(key, 1), true),
    shortcut('Mod+d', 'commands.keys.duplicate', onRow, (key) => tree.duplicate(keysOf(key))),
    shortcut('Delete', 'commands.keys.remove', onRow, (key) => tree.remove(keysOf(key))),
  ])

  function edit(key: number): void {
    const row = here()
    if (row?.kind === 'task') {
      tree.fold(key, true)
      tree.focus(key, 'commands')
    } else tree.fold(key)
  }
  function newTask(): void {
    const row = here() ?? tree.rows.value.at(-1)
    if (!row) tree.addQueue()
    else tree.addTask(row.queue.key, row.kind === 'task' ? row.key : undefined)
  }

}

/** Moves among rows. What is typed in a field is the field's. */
export function useRowMoves(tree: QueueTree) {
  function onKey(event: KeyboardEvent): void {
    const target = event.target as HTMLElement
    if (event.altKey || event.ctrlKey || event.metaKey || target.matches(FIELD)) return
    const rows = tree.rows.value
    const at = rows.findIndex((row) => row.key === tree.active.value)
    const row = rows[at]
    const on = target.getAttribute('role') === 'row'
    const go = (to: number) => {
      const next = rows[Math.max(0, Math.min(rows.length - 1, to))]
      if (next) tree.focus(next.key)
    }
    const moves: Record<string, (() => void) | false> = {
      ArrowDown: () => go(at + 1),
      ArrowUp: () => go(at - 1),
      PageDown: () => go(at + 15),
      PageUp: () => go(at - 15),
      Home: () => go(0),
      End: () => go(rows.length - 1),
      ArrowRight: on && row !== undefined && (() => (row.open ? go(at + 1) : tree.fold(row.key, true))),
      ArrowLeft: on && row !== undefined && (() => (row.open ? tree.fold(row.key, false) : tree.focus(row.queue.key))),
      ' ': on && row !== undefined && (() => choose(tree, event.shiftKey)),
      Escape: tree.selected.value.size > 0 && tree.clear,
    }
    const move = moves[event.key]
    if (!move) return
    event.preventDefault()
    move()
  }
  return { onKey }
}
