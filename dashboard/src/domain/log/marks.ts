// Lines that people look for: what went wrong, by the words that say so.

export const MARKS = ['traceback', 'memory', 'nan', 'killed'] as const
export type Mark = (typeof MARKS)[number]

/** Expressions that the daemon's search understands as well as ours. */
export const PATTERNS: Record<Mark, string> = {
  traceback: String.raw`Traceback \(most recent call last\)`,
  memory: String.raw`(?:CUDA|HIP|XPU)(?: error:)? out of memory|\bOutOfMemoryError\b|CUBLAS_STATUS_ALLOC_FAILED`,
  nan: String.raw`(?:^|[\s=:,(\[])[-+]?(?:nan|NaN|NAN)(?:$|[\s,;)\]}])`,
  killed: String.raw`(?:^|\s)Killed(?:$|\s)|\bSIGKILL\b|\boom-kill`,
}

const compiled = MARKS.map((mark) => [mark, new RegExp(PATTERNS[mark])] as const)
/** Nobody writes "Killed" behind this column. */
const LOOK = 2000

export function markOf(text: string): Mark | null {
  const looked = text.length > LOOK ? text.slice(0, LOOK) : text
  return compiled.find(([, pattern]) => pattern.test(looked))?.[0] ?? null
}
