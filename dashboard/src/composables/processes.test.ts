// When the daemon is asked for what it knows of processes.
import { beforeEach, expect, it, vi } from 'vitest'
import { effectScope, nextTick, shallowRef } from 'vue'
import type { OneProcess } from '@/domain/gpu'
import { useProcessDetails } from './processes'

type Answer = { processes: { pid: number; start_time: number }[]; hidden: number }
const asked = vi.hoisted(() => ({ data: undefined as unknown, reload: () => {} }))
vi.mock('./loaded', () => ({ useLoaded: () => ({ data: asked.data, error: null, loading: false, reload: () => asked.reload() }) }))

const process = (pid: number) => ({ key: `${pid}@5` }) as OneProcess
const answer = (...pids: number[]): Answer => ({ processes: pids.map((pid) => ({ pid, start_time: 5 })), hidden: 0 })

beforeEach(() => void vi.useFakeTimers())

it('asks for a process that came while the first answer was under way, once', async () => {
  const data = shallowRef<Answer>()
  const reload = vi.fn()
  Object.assign(asked, { data, reload })
  const there = shallowRef([process(1)])
  const scope = effectScope()
  const { details } = scope.run(() => useProcessDetails(() => there.value))!
  there.value = [process(1), process(2)]
  await nextTick()
  expect(reload).not.toHaveBeenCalled()
  data.value = answer(1)
  await vi.advanceTimersByTimeAsync(2000)
  expect(reload).toHaveBeenCalledTimes(1)
  // Not even then is it told of: nobody asks on and on.
  data.value = answer(1)
  await vi.advanceTimersByTimeAsync(2000)
  expect(reload).toHaveBeenCalledTimes(1)
  there.value = [process(2), process(3)]
  await vi.advanceTimersByTimeAsync(2000)
  expect(reload).toHaveBeenCalledTimes(2)
  data.value = answer(2, 3)
  await vi.advanceTimersByTimeAsync(2000)
  expect([reload.mock.calls.length, details.value.size]).toEqual([2, 2])
  scope.stop()
})
