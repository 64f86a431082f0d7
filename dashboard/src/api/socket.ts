// The page's one WebSocket (docs/API-LIVE.md): topics as maps, sequence numbers, heartbeat, and coming back after a loss.

/** What a topic holds: entries by key. */
export type Entries = ReadonlyMap<string, unknown>

/** Told after each snapshot and each change. */
export type Listener = (entries: Entries) => void

/** `lost` once nothing has been heard for [`LOST_AFTER`]. */
export type LinkState = 'connecting' | 'live' | 'lost'

/** What a link needs, and whom it tells. */
export interface LinkHost {
  open(): WebSocket
  hello(): { token: string | null; lang: 'zh' | 'en' }
  onState(state: LinkState): void
  /** Something came, whatever it was. */
  onHeard(): void
  /** The daemon does not take the token. */
  onUnauthorized(): void
  /** The daemon refuses, in words. */
  onProblem(message: string | null): void
}

/** Milliseconds without a sign of life after which the daemon is taken for gone; it sends one every 5 s. */
export const LOST_AFTER = 10_000
/** Between two tries to connect; the last goes on for ever. */
const DELAYS = [300, 1000, 2000, 3000]
const WATCH_EVERY = 500

interface Topic {
  listeners: Set<Listener>
  rate?: number
  entries: Map<string, unknown>
  /** Number of the last message; null until the snapshot is whole. */
  seq: number | null
  parts: Map<string, unknown>
}

interface Message {
  op: string
  topic?: string
  seq?: number
  part?: number
  of?: number
  set?: Record<string, unknown>
  removed?: string[]
  message?: string
}

export class Link {
  private socket: WebSocket | null = null
  private greeted = false
  private heard = Date.now()
  private tries = 0
  private retry: ReturnType<typeof setTimeout> | undefined
  private watch: ReturnType<typeof setInterval> | undefined
  private hidden = false
  private state: LinkState = 'connecting'
  private readonly topics = new Map<string, Topic>()

  constructor(private readonly host: LinkHost) {}

  /** Connects, and stays connected. */
  start(): void {
    this.stop()
    this.heard = Date.now()
    this.watch = setInterval(() => this.look(), WATCH_EVERY)
    this.connect()
  }

  /** Lets go, until the next start. */
  stop(): void {
    clearInterval(this.watch)
    this.drop()
  }

  /** A hidden tab listens to nothing; seen again, it asks for what it missed. */
  setHidden(hidden: boolean): void {
    if (hidden === this.hidden) return
    this.hidden = hidden
    for (const [name, topic] of this.topics) {
      if (hidden) this.say({ op: 'unsubscribe', topic: name })
      else this.ask(name, topic)
    }
    if (!hidden && !this.greeted) this.again(0)
  }

  /** Listens to a topic until the returned function is called. `rate`: seconds between two messages. */
  subscribe(name: string, listener: Listener, rate?: number): () => void {
    let topic = this.topics.get(name)
    if (!topic) {
      topic = { listeners: new Set(), rate, entries: new Map(), seq: null, parts: new Map() }
      this.topics.set(name, topic)
      this.ask(name, topic)
    } else if (topic.seq !== null) listener(topic.entries)
    topic.listeners.add(listener)
    return () => {
      topic.listeners.delete(listener)
      if (topic.listeners.size || this.topics.get(name) !== topic) return
      this.topics.delete(name)
      this.say({ op: 'unsubscribe', topic: name })
    }
  }

  /** Begins a topic anew at another rate. */
  setRate(name: string, rate: number): void {
    const topic = this.topics.get(name)
    if (!topic || topic.rate === rate) return
    topic.rate = rate
    this.ask(name, topic)
  }

  private connect(): void {
    this.drop()
    const socket = (this.socket = this.host.open())
    socket.onopen = () => this.say({ op: 'hello', ...this.host.hello() }, true)
    socket.onmessage = (event) => this.hear(JSON.parse(String(event.data)) as Message)
    socket.onclose = (event) => {
      if (socket === this.socket) this.closed(event.code)
    }
  }

  private drop(): void {
    clearTimeout(this.retry)
    this.greeted = false
    const socket = this.socket
    this.socket = null
    if (!socket) return
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close()
  }

  private closed(code: number): void {
    this.socket = null
    this.greeted = false
    if (code === 4401) {
      // The login comes first; it starts us again.
      this.host.onUnauthorized()
      return
    }
    if (this.state === 'live') this.become('connecting')
    this.again(DELAYS[Math.min(this.tries++, DELAYS.length - 1)] ?? 0)
  }

  private again(delay: number): void {
    clearTimeout(this.retry)
    this.retry = setTimeout(() => this.connect(), delay)
  }

  private look(): void {
    if (Date.now() - this.heard < LOST_AFTER) return
    this.become('lost')
    // A connection that says nothing is no better than none. A try in the making gets its own time.
    if (this.greeted) {
      this.heard = Date.now() - LOST_AFTER
      this.connect()
    }
  }

  private become(state: LinkState): void {
    if (state === this.state) return
    this.state = state
    this.host.onState(state)
  }

  private say(message: object, first = false): void {
    if (this.socket?.readyState === WebSocket.OPEN && (this.greeted || first)) this.socket.send(JSON.stringify(message))
  }

  private ask(name: string, topic: Topic): void {
    topic.seq = null
    topic.parts = new Map()
    if (!this.hidden) this.say({ op: 'subscribe', topic: name, rate: topic.rate })
  }

  private hear(message: Message): void {
    this.heard = Date.now()
    this.host.onHeard()
    if (message.op === 'hello') {
      this.greeted = true
      this.tries = 0
      this.host.onProblem(null)
      this.become('live')
      for (const [name, topic] of this.topics) this.ask(name, topic)
    } else if (message.op === 'error') {
      // A topic that cannot be had is its own page's affair, which asks for it in words as well.
      if (message.topic == null) this.host.onProblem(message.message ?? null)
    } else if (message.topic !== undefined) {
      const topic = this.topics.get(message.topic)
      if (topic) this.take(message.topic, topic, message)
    }
  }

  private take(name: string, topic: Topic, message: Message): void {
    if (message.op === 'snapshot') {
      if (message.part === 1) topic.parts = new Map()
      for (const [key, entry] of Object.entries(message.set ?? {})) topic.parts.set(key, entry)
      if ((message.part ?? 1) < (message.of ?? 1)) return
      topic.entries = topic.parts
      topic.parts = new Map()
    } else if (message.op === 'change') {
      // What comes before the snapshot was meant for the subscription before.
      if (topic.seq === null) return
      if (message.seq !== topic.seq + 1) {
        this.ask(name, topic)
        return
      }
      for (const [key, entry] of Object.entries(message.set ?? {})) topic.entries.set(key, entry)
      for (const key of message.removed ?? []) topic.entries.delete(key)
    } else return
    topic.seq = message.seq ?? null
    for (const listener of topic.listeners) listener(topic.entries)
  }
}
