// Undo and redo: trees share what did not change, so that keeping them costs next to nothing.
import type { Tree } from './tree'

/** Edits of one field within this many milliseconds are undone together. */
const TOGETHER = 1500
const MOST = 300

export interface History {
  readonly past: readonly Tree[]
  readonly future: readonly Tree[]
  /** The last edit: what it was of, and when. */
  readonly last: { of: string; at: number } | null
}

export const NO_HISTORY: History = { past: [], future: [], last: null }

/** Notes the tree before an edit. `of` names the field that is typed in; edits without it always stand alone. */
export function noted(history: History, before: Tree, now: number, of?: string): History {
  const goesOn = of !== undefined && history.last?.of === of && now - history.last.at < TOGETHER && history.past.length > 0
  return {
    past: goesOn ? history.past : [...history.past.slice(1 - MOST), before],
    future: [],
    last: of === undefined ? null : { of, at: now },
  }
}

/** The tree before, or none. */
export function undone(history: History, tree: Tree): { history: History; tree: Tree } | undefined {
  const before = history.past.at(-1)
  if (!before) return undefined
  return { tree: before, history: { past: history.past.slice(0, -1), future: [tree, ...history.future], last: null } }
}

export function redone(history: History, tree: Tree): { history: History; tree: Tree } | undefined {
  const [next, ...future] = history.future
  if (!next) return undefined
  return { tree: next, history: { past: [...history.past, tree], future, last: null } }
}
