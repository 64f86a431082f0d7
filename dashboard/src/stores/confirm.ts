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
  /** A second way on, beside the first. */
  other?: string
}

/** What was chosen: the action, the other way, or neither. */
export type Answer = 'action' | 'other' | null

export const useConfirm = defineStore('confirm', () => {
  const question = ref<Question | null>(null)
  let answer: ((chosen: Answer) => void) | undefined

  /** Resolves with what the person chose. A second question answers the first with neither. */
  function choose(asked: Question): Promise<Answer> {
    answer?.(null)
    question.value = asked
    return new Promise((resolve) => (answer = resolve))
  }
  /** The same where there is one way on. */
  const ask = async (asked: Question): Promise<boolean> => (await choose(asked)) === 'action'
  function settle(chosen: Answer): void {
    question.value = null
    answer?.(chosen)
    answer = undefined
  }
  return { question, ask, choose, settle }
})
