// Texts side by side.
import { expect, it } from 'vitest'
import { mergeTexts, sideBySide } from './compare'

const shown = (a: string, b: string, context?: number) =>
  sideBySide(a, b, context).map((pair) => (pair.kind === 'gap' ? `…${pair.count}` : `${pair.kind} ${pair.a?.no ?? ''}${pair.a?.text ?? ''}|${pair.b?.no ?? ''}${pair.b?.text ?? ''}`))

it('pairs what changed, and numbers each side on its own', () => {
  expect(shown('a\nb\nc\n', 'a\nx\ny\nc\n')).toEqual(['same 1a|1a', 'changed 2b|2x', 'added |3y', 'same 3c|4c'])
  expect(shown('a\nb\n', 'b\n')).toEqual(['removed 1a|', 'same 2b|1b'])
  expect(shown('', 'a')).toEqual(['added |1a'])
  expect(shown('', '')).toEqual([])
})
it('leaves out what is far from every difference', () => {
  const text = Array.from({ length: 20 }, (_, at) => `l${at}`).join('\n')
  expect(shown(text, text.replace('l10', 'x'), 1)).toEqual(['…9', 'same 10l9|10l9', 'changed 11l10|11x', 'same 12l11|12l11', '…8'])
  expect(shown('a\nb\nc', 'a\nb\nx', 1)).toEqual(['same 1a|1a', 'same 2b|2b', 'changed 3c|3x'])
})
it('does not count what is told apart in no time as the same', () => {
  const many = (name: string) => Array.from({ length: 6000 }, (_, at) => `${name}${at}`).join('\n')
  expect(sideBySide(many('a'), many('b')).every(({ kind }) => kind === 'changed')).toBe(true)
})
it('joins two texts, and keeps both where they clash', () => {
  const base = '1\na\n8\n\n2\nb\n8\n'
  expect(mergeTexts(base, '1\na2\n8\n\n2\nb\n8\n', '1\na\n8\n\n2\nb\n16\n', String)).toEqual({ text: '1\na2\n8\n\n2\nb\n16\n', clashes: 0 })
  expect(mergeTexts(base, base, 'x\n', String).text).toBe('x\n')
  expect(mergeTexts(base, '1\nm\n8\n\n2\nb\n8\n', '1\nt\n8\n\n2\nb\n8\n', (line) => `# ${line}`)).toEqual({ text: '1\nm\n# t\n8\n\n2\nb\n8\n', clashes: 1 })
})
