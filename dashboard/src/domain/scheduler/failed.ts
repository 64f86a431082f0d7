// Why an attempt failed, taken apart: the record says it in English words, which stay as they are where they say more.

export type Failed =
  | { kind: 'exit' | 'signal' | 'outOfMemory'; n: number }
  | { kind: 'notFound' | 'notExecutable' | 'timeout' | 'lost' | 'stopped' }
  | { kind: 'other'; text: string }

const FORMS: [RegExp, (n: number) => Failed][] = [
  [/^exit code 127 \(command not found\)$/, () => ({ kind: 'notFound' })],
  [/^exit code 126 \(not executable\)$/, () => ({ kind: 'notExecutable' })],
  [/^exit code (\d+)$/, (n) => ({ kind: 'exit', n })],
  [/^killed by signal (\d+)$/, (n) => ({ kind: 'signal', n })],
  [/^killed by signal (\d+): the host ran out of memory$/, (n) => ({ kind: 'outOfMemory', n })],
  [/^ran longer than task_timeout$/, () => ({ kind: 'timeout' })],
  [/^lost: /, () => ({ kind: 'lost' })],
  [/^stopped$/, () => ({ kind: 'stopped' })],
]

export function failedOf(text: string): Failed {
  for (const [form, make] of FORMS) {
    const found = form.exec(text)
    if (found) return make(Number(found[1]))
  }
  return { kind: 'other', text }
}
