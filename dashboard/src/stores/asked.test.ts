// What failed and may pass is asked for again by itself, less and less often, and no longer than it is wanted.
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, nextTick } from 'vue'
import { ApiFailure } from '@/domain/failure'
import { FIRST_PAUSE, LONGEST_PAUSE, makeAsked } from './asked'
import { usePreferences } from './preferences'

const failed = (status: number) => new ApiFailure(status, 'code', `status ${status}`, 'GET /api/thing')
let answers: (string | ApiFailure)[]
let asked: number
let taken: string[]
const scope = () => effectScope(true)
const open = (where = scope()) =>
  where.run(() =>
    makeAsked(async () => {
      asked++
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!
      if (answer instanceof ApiFailure) throw answer
      return answer
    }, (found) => taken.push(found)),
  )!

beforeEach(() => {
  setActivePinia(createPinia())
  usePreferences().language = 'en'
  vi.useFakeTimers()
  asked = 0
  taken = []
})
afterEach(() => vi.useRealTimers())

describe('what is asked of the daemon', () => {
  it('is asked for again after a failure that may pass, until it comes', async () => {
    answers = [failed(500), failed(0), 'a']
    const one = open()
    await one.ask()
    expect([asked, (one.error.value as Error).message, one.loading.value]).toEqual([1, 'status 500', false])
    await vi.advanceTimersByTimeAsync(FIRST_PAUSE)
    expect([asked, (one.error.value as Error).message]).toEqual([2, 'status 0'])
    await vi.advanceTimersByTimeAsync(2 * FIRST_PAUSE - 1)
    expect(asked).toBe(2)
    await vi.advanceTimersByTimeAsync(1)
    expect([asked, taken, one.error.value]).toEqual([3, ['a'], null])
    await vi.advanceTimersByTimeAsync(10 * LONGEST_PAUSE)
    expect(asked).toBe(3)
  })

  it('is asked for again in the language that the page speaks now, if it was wanted at all', async () => {
    answers = ['a', 'b']
    const [one, never] = [open(), open()]
    await one.ask()
    usePreferences().language = 'zh-CN'
    await nextTick()
    expect([asked, taken, one.loading.value, never.loading.value]).toEqual([2, ['a', 'b'], false, false])
  })

  it('tries no more often than every half minute in the end, and says the same failure once', async () => {
    answers = [failed(503)]
    const one = open()
    await one.ask()
    const said = one.error.value
    await vi.advanceTimersByTimeAsync(10 * LONGEST_PAUSE)
    const before = asked
    await vi.advanceTimersByTimeAsync(10 * LONGEST_PAUSE)
    expect([asked - before, one.error.value === said]).toEqual([10, true])
  })

  it.each([401, 404, 409, 422])('is not asked for again after status %i', async (status) => {
    answers = [failed(status)]
    const one = open()
    await one.ask()
    await vi.advanceTimersByTimeAsync(10 * LONGEST_PAUSE)
    expect([asked, one.error.value === null]).toEqual([1, status === 401])
  })

  it('is left alone once its page has gone', async () => {
    answers = [failed(500)]
    const where = scope()
    await open(where).ask()
    where.stop()
    await open().ask()
    dispatchEvent(new Event('pagehide'))
    await vi.advanceTimersByTimeAsync(10 * LONGEST_PAUSE)
    expect(asked).toBe(2)
  })

  it('waits while the tab is hidden', async () => {
    answers = [failed(500), 'a']
    const hidden = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden')
    await open().ask()
    await vi.advanceTimersByTimeAsync(10 * LONGEST_PAUSE)
    expect(asked).toBe(1)
    hidden.mockRestore()
    await vi.advanceTimersByTimeAsync(LONGEST_PAUSE)
    expect([asked, taken]).toEqual([2, ['a']])
  })

  it('begins anew when it is asked for meanwhile', async () => {
    answers = [failed(500), failed(500), 'a']
    const one = open()
    await one.ask()
    await one.ask()
    await vi.advanceTimersByTimeAsync(FIRST_PAUSE)
    expect([asked, taken]).toEqual([3, ['a']])
  })
})
