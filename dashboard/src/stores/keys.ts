// Keys of the page: who listens, and what `?` shows.
import { defineStore } from 'pinia'
import { shallowReactive } from 'vue'

export interface Shortcut {
  /** `/`, `?`, `Mod+k`, `Alt+ArrowUp`, `1`. `Mod` is Ctrl, or ⌘ on a Mac. */
  key: string
  /** What it does, in words. */
  label: string
  /** Under which heading `?` shows it. */
  group: string
  /** Works in text fields too. */
  everywhere?: boolean
  /** Whether it has something to act on; else the key is the browser's. */
  when?(): boolean
  run(event: KeyboardEvent): void
}

export const isMac = /Mac|iPhone|iPad/.test(navigator.platform)

function name(event: KeyboardEvent): string {
  const mod = isMac ? event.metaKey : event.ctrlKey
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
  return [mod && 'Mod', event.altKey && 'Alt', event.shiftKey && event.key.length > 1 && 'Shift', key].filter(Boolean).join('+')
}

function writes(target: EventTarget | null): boolean {
  // An editor may live in a shadow root, out of which events seem to come from its host.
  const inner = target instanceof HTMLElement ? target.shadowRoot?.activeElement : null
  if (inner) return writes(inner)
  return target instanceof HTMLElement && (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && (target as HTMLInputElement).type !== 'checkbox')
}

export const useKeys = defineStore('keys', () => {
  const shortcuts = shallowReactive(new Set<Shortcut>())

  function handle(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.isComposing) return
    const pressed = name(event)
    // The last one that came is the nearest to what is looked at.
    const found = [...shortcuts].reverse().find((one) => one.key === pressed && (one.everywhere || !writes(event.target)) && (one.when?.() ?? true))
    // A dialog has keys of its own.
    if (!found || (!found.everywhere && document.querySelector('[role=dialog],[role=alertdialog]'))) return
    event.preventDefault()
    found.run(event)
  }
  addEventListener('keydown', handle)

  return { shortcuts }
})
