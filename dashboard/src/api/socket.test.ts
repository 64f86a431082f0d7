// The link against a daemon that is played: snapshots, changes, gaps, silence, return, a hidden tab, a lost login.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Link, LOST_AFTER, type LinkState } from './socket'

class Played {
  static readonly OPEN = 1
  readyState = 0
  said: Record<string, unknown>[] = []
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null
  send(text: string) { this.said.push(JSON.parse(text) as Record<string, unknown>) }
  close() { this.readyState = 3 }
  open() { this.readyState = 1; this.onopen?.() }
  tell(message: object) { this.onmessage?.({ data: JSON.stringify(message) }) }
  die(code = 1006) { this.readyState = 3; this.onclose?.({ code }) }
}

let sockets: Played[]
let states: LinkState[]
let unauthorized: number
let link: Link
const last = () => sockets.at(-1)!

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('WebSocket', Played)
  sockets = []
  states = []
  unauthorized = 0
  link = new Link({
    open: () => {
      sockets.push(new Played())
      return last() as unknown as WebSocket
    },
    hello: () => ({ token: 'gy1_x', lang: 'en' }),
    onState: (state) => states.push(state),
    onHeard: () => undefined,
    onUnauthorized: () => unauthorized++,
    onProblem: () => undefined,
  })
})
afterEach(() => {
  link.stop()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

function up(): Played {
  last().open()
  last().tell({ op: 'hello' })
  return last()
}
const snapshot = (seq: number, set: object, part = 1, of = 1) => ({ op: 'snapshot', topic: 'gpu', seq, part, of, set })
const change = (seq: number, set: object, removed: string[] = []) => ({ op: 'change', topic: 'gpu', seq, set, removed })

describe('the link', () => {
  it('shows its token first, then asks for what is listened to', () => {
    link.start()
    link.subscribe('gpu', () => undefined, 2)
    const socket = up()
    expect(socket.said).toEqual([
      { op: 'hello', token: 'gy1_x', lang: 'en' },
      { op: 'subscribe', topic: 'gpu', rate: 2 },
    ])
    expect(states).toEqual(['live'])
  })

  it('puts snapshots in parts and changes together', () => {
    const seen: [string, unknown][][] = []
    link.start()
    link.subscribe('gpu', (entries) => seen.push([...entries]))
    const socket = up()
    socket.tell(snapshot(4, { a: 1 }, 1, 2))
    expect(seen).toEqual([])
    socket.tell(snapshot(4, { b: 2 }, 2, 2))
    socket.tell(change(5, { a: 3 }, ['b']))
    expect(seen.map((entries) => Object.fromEntries(entries))).toEqual([{ a: 1, b: 2 }, { a: 3 }])
  })

  it('asks anew after a gap, and takes no change before the snapshot', () => {
    const seen: object[] = []
    link.start()
    link.subscribe('gpu', (entries) => seen.push(Object.fromEntries(entries)))
    const socket = up()
    socket.tell(snapshot(1, { a: 1 }))
    socket.tell(change(3, { a: 3 }))
    expect(socket.said.filter((said) => said.op === 'subscribe')).toHaveLength(2)
    socket.tell(change(4, { a: 4 }))
    socket.tell(snapshot(9, { a: 9 }))
    expect(seen).toEqual([{ a: 1 }, { a: 9 }])
  })

  it('is lost after ten silent seconds, and comes back by itself with its topics', () => {
    link.start()
    link.subscribe('gpu', () => undefined)
    up()
    vi.advanceTimersByTime(LOST_AFTER - 1000)
    expect(states).toEqual(['live'])
    vi.advanceTimersByTime(1500)
    expect(states).toEqual(['live', 'lost'])
    expect(sockets).toHaveLength(2)
    expect(up().said).toContainEqual({ op: 'subscribe', topic: 'gpu' })
    expect(states).toEqual(['live', 'lost', 'live'])
  })

  it('tries again within five seconds, however long the daemon is gone', () => {
    link.start()
    up().die()
    for (let tries = 2; tries < 8; tries++) {
      vi.advanceTimersByTime(5000)
      expect(sockets.length).toBeGreaterThanOrEqual(tries)
      last().die()
    }
    expect(states).toEqual(['live', 'connecting', 'lost'])
  })

  it('listens to nothing while hidden', () => {
    link.start()
    link.subscribe('gpu', () => undefined)
    const socket = up()
    link.setHidden(true)
    expect(socket.said.at(-1)).toEqual({ op: 'unsubscribe', topic: 'gpu' })
    link.setHidden(false)
    expect(socket.said.at(-1)).toEqual({ op: 'subscribe', topic: 'gpu' })
  })

  it('ends a topic with its last listener', () => {
    link.start()
    const one = link.subscribe('gpu', () => undefined)
    const two = link.subscribe('gpu', () => undefined)
    const socket = up()
    one()
    expect(socket.said.filter((said) => said.op === 'unsubscribe')).toEqual([])
    two()
    expect(socket.said.at(-1)).toEqual({ op: 'unsubscribe', topic: 'gpu' })
  })

  it('waits for a login when its own has ended', () => {
    link.start()
    up().die(4401)
    vi.advanceTimersByTime(20_000)
    expect([unauthorized, sockets.length]).toEqual([1, 1])
  })
})
