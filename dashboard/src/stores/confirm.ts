// A question before something that cannot be undone. One at a time.
import { defineStore } from 'pinia'
import { ref } from 'vue'

export interface Question {
  title: string
  /** What will happen: "2 trainings end; they have run 5 h 12 min". */
  effect?: string
  /** More of it, a line each. */
  details?: string[]
  /** On the button. */
  action: string
  danger?: boolean
}

export const useConfirm = defineStore('confirm', () => {
  const question = ref<Question | null>(null)
  let answer: ((yes: boolean) => void) | undefined

  /** Resolves with what the person chose. A second question answers the first with no. */
  function ask(asked: Question): Promise<boolean> {
    answer?.(false)
    question.value = asked
    return new Promise((resolve) => (answer = resolve))
  }
  function settle(yes: boolean): void {
    question.value = null
    answer?.(yes)
    answer = undefined
  }
  return { question, ask, settle }
})
