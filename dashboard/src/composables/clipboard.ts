// Copying. On a plain-HTTP name the browser has no clipboard object; the older way still works there.
import { ref } from 'vue'

function copyOldWay(text: string): boolean {
  const field = document.createElement('textarea')
  field.value = text
  field.className = 'unseen'
  field.setAttribute('readonly', '')
  const before = document.activeElement
  // Inside an open dialog, or its focus trap would take the focus away before the copy.
  const home = document.querySelector('[role=dialog]') ?? document.body
  home.append(field)
  field.select()
  const done = document.execCommand('copy')
  field.remove()
  if (before instanceof HTMLElement) before.focus()
  return done
}

export async function copyText(text: string): Promise<boolean> {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text)
      return true
    } catch {
      // Not allowed for this page; the older way may be.
    }
  }
  return copyOldWay(text)
}

/** `copied` is true for a moment after each copy. */
export function useClipboard() {
  const copied = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined
  async function copy(text: string): Promise<void> {
    copied.value = await copyText(text)
    clearTimeout(timer)
    timer = setTimeout(() => (copied.value = false), 1600)
  }
  return { copied, copy }
}
