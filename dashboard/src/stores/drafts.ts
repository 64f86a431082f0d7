// Unsaved drafts, kept in the browser. Each tab has its own; what a closed tab left behind can be taken up by another.
import { readKept, writeKept } from './kept'

const PREFIX = 'gpuyard.draft.'

/** This tab's name: it outlives reloads and logins, not the tab. */
function tab(): string {
  try {
    const known = sessionStorage.getItem('gpuyard.tab')
    if (known) return known
    const made = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`
    sessionStorage.setItem('gpuyard.tab', made)
    return made
  } catch {
    return 'tab'
  }
}

export interface LeftBehind<T> {
  slot: string
  draft: T
}

export interface DraftSlot<T> {
  read(): T | undefined
  /** False when the browser has no room for it. */
  write(draft: T | undefined): boolean
  /** Drafts of other tabs, open or closed. */
  others(): LeftBehind<T>[]
  forget(slot: string): void
}

/** Where the draft of one thing is kept. `check` turns away what is none. */
export function draftSlot<T>(name: string, check: (value: unknown) => value is T): DraftSlot<T> {
  const own = `draft.${name}@${tab()}`
  const read = (slot: string): T | undefined => {
    const value = readKept<unknown>(slot)
    return check(value) ? value : undefined
  }
  return {
    read: () => read(own),
    write: (draft) => writeKept(own, draft),
    others() {
      const slots = Object.keys(localStorage).filter((key) => key.startsWith(`${PREFIX}${name}@`)).map((key) => key.slice('gpuyard.'.length))
      return slots.filter((slot) => slot !== own).flatMap((slot) => {
        const draft = read(slot)
        return draft === undefined ? [] : [{ slot, draft }]
      })
    },
    forget: (slot) => void writeKept(slot, undefined),
  }
}
