// Histories, traces, and what is free, worked out from what the daemon says.
import { describe, expect, it } from 'vitest'
import { exported, standingOf, visibility } from './free'
import { processesOf } from './holders'
import type { Gpu } from '.'
import { continued, pastOf, tracesOf, type GpuHistory } from './past'
import { STEP, Traces } from './trace'

const history = {
  step: 1,
  times: ['2026-01-31T12:00:00Z', '2026-01-31T12:00:01Z', '2026-01-31T12:00:07Z'],
  gpus: [{ uuid: 'a', index: 0, name: null, memory_total: 200, memory_used: [50, 100, null], utilization: [10, 30, null], power_draw: [], temperature: [] }],
} as unknown as GpuHistory

describe('a history', () => {
  it('is one GPU in percent, unknown where it is unknown', () => {
    const past = pastOf(history, 'a')
    expect([past.load, past.memory]).toEqual([[10, 30, null], [25, 50, null]])
    expect(pastOf(history, 'b').at).toEqual([])
  })
  it('begins the small lines with means of their steps', () => {
    expect(tracesOf(history).of('a').map(({ utilization, memory }) => [utilization, memory])).toEqual([[20, 37.5], [null, null]])
  })
  it('goes on with what is newer', () => {
    const traces = new Traces()
    const start = Date.parse('2026-01-31T12:00:00Z')
    for (const at of [start, start + 2 * STEP, start + 3 * STEP]) traces.add('a', at, 70, 70)
    expect(continued(pastOf(history, 'a'), traces.of('a')).load).toEqual([10, 30, null, 70, 70])
  })
})

const gpu = (index: number, over: object = {}) => ({ index, uuid: `u${index}`, vendor: 'nvidia', health: { state: 'ok' }, processes: [], ...over }) as unknown as Gpu

describe('a GPU', () => {
  it('is free only when it is known to be', () => {
    const none = new Set<number>()
    expect(standingOf(gpu(0), none)).toBe('free')
    expect(standingOf(gpu(0), new Set([0]))).toBe('held')
    expect(standingOf(gpu(0, { processes: null }), none)).toBe('unknown')
    expect(standingOf(gpu(0, { hidden_processes: 1 }), none)).toBe('busy')
    expect(standingOf(gpu(0, { processes: [{}] }), none)).toBe('busy')
    expect(standingOf(gpu(0, { health: { state: 'lost', message: '' } }), none)).toBe('lost')
  })
  it('is named to a program as its maker counts', () => {
    const all = [gpu(0), gpu(1, { vendor: 'amd' }), gpu(2, { vendor: 'amd' }), gpu(3)]
    expect(visibility([all[2]!, all[3]!], all)).toBe('CUDA_VISIBLE_DEVICES=1 ROCR_VISIBLE_DEVICES=1')
    expect(exported('CUDA_VISIBLE_DEVICES=1')).toBe('export CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=1')
  })
  it('shares a process with another one', () => {
    const on = (gpu_index: number, gpu_memory: number | null) => ({ pid: 5, start_time: '7', gpu_index, gpu_memory, gpu_sm_utilization: null })
    const found = processesOf([gpu(0, { processes: [on(0, 3)] }), gpu(1, { processes: [on(1, null)] }), gpu(2, { processes: [on(2, 4)] })])
    expect(found.map(({ gpus, memory, utilization }) => [gpus, memory, utilization])).toEqual([[[0, 1, 2], 7, null]])
  })
})
