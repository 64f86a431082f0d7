// Short words in the corner: what was done, with an undo for 8 s; what failed, until it is read.
import { defineStore } from 'pinia'
import { ref } from 'vue'

export const UNDO_SECONDS = 8
const SAID_SECONDS = 4

export interface Toast {
  id: number
  text: string
  tone: 'plain' | 'success' | 'error'
  /** Takes back what was done. */
  undo?: () => unknown
  /** For an error: what can be copied. */
  report?: string
  /** Left to show; `null` stays. */
  seconds: number | null
}

export const useToasts = defineStore('toasts', () => {
  const toasts = ref<Toast[]>([])
  let next = 1

  function add(toast: Omit<Toast, 'id'>): number {
    const id = next++
    // More than four hide the page that they speak of.
    toasts.value = [...toasts.value.slice(-3), { ...toast, id }]
    return id
  }
  const done = (text: string) => add({ text, tone: 'success', seconds: SAID_SECONDS })
  const undoable = (text: string, undo: () => unknown) => add({ text, tone: 'plain', undo, seconds: UNDO_SECONDS })
  const failed = (text: string, report?: string) => add({ text, tone: 'error', report, seconds: null })
  function drop(id: number): void {
    toasts.value = toasts.value.filter((toast) => toast.id !== id)
  }
  return { toasts, done, undoable, failed, drop }
})
