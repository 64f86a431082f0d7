// Lines of an answer, wherever its pieces are torn.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { linesOf } from './stream'

function answer(...pieces: (string | Uint8Array)[]): { cancelled: boolean } {
  const seen = { cancelled: false }
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces.shift()
      if (piece === undefined) controller.close()
      else controller.enqueue(typeof piece === 'string' ? new TextEncoder().encode(piece) : piece)
    },
    cancel() {
      seen.cancelled = true
    },
  }, { highWaterMark: 0 })
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(body)))
  return seen
}
async function all(): Promise<unknown[]> {
  const found = []
  for await (const line of linesOf('/api/x', { a: 1, b: undefined }, new AbortController().signal)) found.push(line)
  return found
}
afterEach(() => vi.unstubAllGlobals())

describe('lines of an answer', () => {
  it('come whole, whatever the pieces', async () => {
    const letter = new TextEncoder().encode('{"b":"训"}')
    answer('{"a":1}\n{"a"', ':2}\n', letter.slice(0, 7), letter.slice(7))
    expect(await all()).toEqual([{ a: 1 }, { a: 2 }, { b: '训' }])
  })
  it('end the call when nobody asks for more', async () => {
    const seen = answer('1\n', '2\n', '3\n')
    for await (const line of linesOf('/api/x', {}, new AbortController().signal)) if (line === 1) break
    expect(seen.cancelled).toBe(true)
  })
})
