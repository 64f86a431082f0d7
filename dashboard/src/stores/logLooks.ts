// How a person likes logs to be shown. Kept in this browser.
import { defineStore } from 'pinia'
import { kept } from './kept'

const isFlag = (value: unknown) => typeof value === 'boolean'

export const useLogLooks = defineStore('logLooks', () => {
  /** On a phone a long line is out of sight at once. */
  const wrap = kept('logs.wrap', matchMedia('(max-width: 760px)').matches, isFlag)
  const numbers = kept('logs.numbers', true, isFlag)
  return { wrap, numbers }
})
