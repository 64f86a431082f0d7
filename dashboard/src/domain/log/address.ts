// How a log is named: to the daemon, in topics, and in the page's address.

/** A task's log, a bound one, or a file by its path. */
export interface LogName {
  /** A task of a run, by its id. */
  task?: string
  /** An ad-hoc task, by its id. */
  adhoc?: string
  /** Another attempt than the last. */
  attempt?: number
  /** A log beside the tasks: absolute. */
  path?: string
}

const ORDER = ['task', 'adhoc', 'attempt', 'path'] as const

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
  for (const key of ['task', 'adhoc', 'path'] as const) {
    const value = query.get(key)
    if (value) log[key] = value
  }
  const attempt = Number(query.get('attempt'))
  if (Number.isInteger(attempt) && attempt > 0) log.attempt = attempt
  return log.task || log.adhoc || log.path ? log : null
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
