// How a log is named: to the daemon, in topics, and in the page's address.

/** A task's log, one of a place in a command file, a scheduler's own, or a file by its path. */
export interface LogName {
  /** A task of a run, by its id. */
  task?: string
  mode?: 'single' | 'multi'
  config_index?: number
  /** Without it, the scheduler's own log is meant. */
  queue_id?: number
  process_index?: number
  run_id?: string
  /** One attempt's own log; without it the one that is bound to the task, or its last attempt's. */
  attempt?: number
  /** Its last attempt's, although another one is bound. */
  own?: boolean
  /** Absolute. */
  path?: string
}

const TEXTS = ['task', 'run_id', 'path'] as const
const NUMBERS = ['config_index', 'queue_id', 'process_index', 'attempt'] as const
const ORDER = ['task', 'mode', 'config_index', 'queue_id', 'process_index', 'run_id', 'attempt', 'own', 'path'] as const

/** `task=ID&attempt=2`: always in one order, so that one log has one name. */
export function nameOf(log: LogName): string {
  const query = new URLSearchParams()
  for (const key of ORDER) if (log[key] !== undefined) query.set(key, String(log[key]))
  return query.toString().replaceAll('%2F', '/')
}

/** The log that a name means; null when it names none. */
export function logOf(name: string): LogName | null {
  const query = new URLSearchParams(name)
  const log: LogName = {}
  for (const key of TEXTS) {
    const value = query.get(key)
    if (value) log[key] = value
  }
  for (const key of NUMBERS) {
    const value = query.get(key)
    if (value !== null && /^\d{1,15}$/.test(value)) log[key] = Number(value)
  }
  const mode = query.get('mode')
  if (mode === 'single' || mode === 'multi') log.mode = mode
  if (query.get('own') === 'true') log.own = true
  return [log.task, log.mode, log.path].filter((one) => one !== undefined).length === 1 ? log : null
}

/** The address of the page that shows one log, or two side by side. */
export function logPage(...logs: LogName[]): { path: string } {
  return { path: `/logs/${logs.map((log) => encodeURIComponent(nameOf(log)).replaceAll('%3D', '=').replaceAll('%26', '&')).join('/')}` }
}

/** Lines that are chosen: `120` or `120-140`. */
export interface Lines {
  from: number
  to: number
}

export function linesOf(text: unknown): Lines | null {
  const found = typeof text === 'string' ? /^(\d{1,12})(?:-(\d{1,12}))?$/.exec(text) : null
  if (!found) return null
  const [a, b] = [Number(found[1]), Number(found[2] ?? found[1])]
  return a > 0 && b > 0 ? { from: Math.min(a, b), to: Math.max(a, b) } : null
}

export const linesText = ({ from, to }: Lines): string => (from === to ? `${from}` : `${from}-${to}`)
