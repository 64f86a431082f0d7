// What stays known of a log when an older piece of it comes late.
import { expect, it } from 'vitest'
import { withRead } from './heads'
import type { LogHead } from './shapes'

const head = (more: Partial<LogHead>) => ({ log_path: 'a', generation: 1, size: 7, exit: null, ...more }) as LogHead

it('knows the end of a log also when a piece comes that was read before it', () => {
  const ended = head({ exit: { kind: 'exited', exit_code: 0 } as LogHead['exit'] })
  expect(withRead(ended, head({}))).toBe(ended)
  expect(withRead(ended, head({ size: 3 }))).toBe(ended)
})
it('takes what is more, or of another file', () => {
  for (const read of [head({ size: 8 }), head({ generation: 2, size: 1 }), head({ log_path: 'b', size: 1 })]) expect(withRead(head({}), read)).toBe(read)
  expect(withRead(null, head({}))).toEqual(head({}))
})
