// How many columns a letter takes: two for Chinese, Japanese, Korean and pictures, none for what stands on another letter.

const WIDE =
  /[\u1100-\u115f\u231a\u231b\u23e9-\u23ec\u2614\u2615\u26a1\u2705\u274c\u2728\u2753-\u2755\u2b50\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f000}-\u{1f9ff}\u{1fa70}-\u{1faff}\u{20000}-\u{3fffd}]/u
const NONE = /\p{Mn}|\p{Me}|[\u200b-\u200d]|[\ufe00-\ufe0f]/u
// eslint-disable-next-line no-control-regex -- a text of plain letters has as many columns as letters, control bytes too
const NARROW = /^[\x00-\u02ff\u2010-\u2027\u2190-\u22ff\u2400-\u25ff]*$/

/** Whether every letter takes one column, so that columns are indices. */
export const isNarrow = (text: string): boolean => NARROW.test(text)

/** Columns of one letter. */
export const columnsOf = (letter: string): number => (NONE.test(letter) ? 0 : WIDE.test(letter) ? 2 : 1)

/** Columns of a text. */
export function columns(text: string): number {
  if (isNarrow(text)) return text.length
  let sum = 0
  for (const letter of text) sum += columnsOf(letter)
  return sum
}

/** The part of a text from one column to another. Half of a wide letter is a space, as on a terminal. */
export function between(text: string, from: number, to: number): string {
  if (isNarrow(text)) return text.slice(from, to)
  let at = 0
  let found = ''
  for (const letter of text) {
    const wide = columnsOf(letter)
    const end = at + wide
    if (at >= from && end <= to && (wide > 0 || at > from)) found += letter
    else if (wide === 2 && end > from && at < to) found += ' '
    at = end
  }
  return found
}
