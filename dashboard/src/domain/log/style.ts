// How text stands out: what SGR escapes say (ESC[1;31m), as a value. One object a look, so that looks compare by identity.

/** `null` is the text's own colour; 0–255 the terminal's palette; above, `TRUE + rgb`. */
export type Colour = number | null
/** Above the palette: the three bytes of a true colour are added to it. */
export const TRUE = 0x1000000

export interface Style {
  fg: Colour
  bg: Colour
  bold: boolean
  dim: boolean
  italic: boolean
  underline: boolean
  strike: boolean
  inverse: boolean
}

const known = new Map<string, Style>()
/** Programs may use more looks than anyone can tell apart; they begin anew then. */
const MOST = 4096

function one(style: Style): Style {
  const key = JSON.stringify(style)
  const found = known.get(key)
  if (found) return found
  if (known.size >= MOST) known.clear()
  const kept = Object.freeze({ ...style })
  known.set(key, kept)
  return kept
}

/** Text that nothing was said about. */
export const PLAIN: Style = Object.freeze({
  fg: null, bg: null, bold: false, dim: false, italic: false, underline: false, strike: false, inverse: false,
})
known.set(JSON.stringify(PLAIN), PLAIN)

const byte = (value: number | undefined) => Math.min(255, Math.max(0, value ?? 0))

/** `5;n` or `2;r;g;b` after 38 or 48: the colour, and how many numbers it took. */
function extended(codes: number[], at: number): [Colour | undefined, number] {
  if (codes[at] === 5) return [byte(codes[at + 1]), 2]
  if (codes[at] !== 2) return [undefined, 1]
  return [TRUE + byte(codes[at + 1]) * 65536 + byte(codes[at + 2]) * 256 + byte(codes[at + 3]), 4]
}

/** The look after `ESC[…m`, whose numbers are `text`. What it does not know, it leaves. */
export function sgr(before: Style, text: string): Style {
  const next = { ...before }
  // `38:2::r:g:b` is the same with colons, and a place for a colour space.
  const codes = text.replace(/([34]8):2:\d*:(\d+:\d+:\d+)/g, '$1:2:$2').split(/[;:]/).map((code) => (code === '' ? 0 : Number(code)))
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? 0
    if (code === 0) Object.assign(next, PLAIN)
    else if (code === 1) next.bold = true
    else if (code === 2) next.dim = true
    else if (code === 3) next.italic = true
    else if (code === 4 || code === 21) next.underline = true
    else if (code === 7) next.inverse = true
    else if (code === 9) next.strike = true
    else if (code === 22) next.bold = next.dim = false
    else if (code === 23) next.italic = false
    else if (code === 24) next.underline = false
    else if (code === 27) next.inverse = false
    else if (code === 29) next.strike = false
    else if (code >= 30 && code <= 37) next.fg = code - 30
    else if (code >= 40 && code <= 47) next.bg = code - 40
    else if (code >= 90 && code <= 97) next.fg = code - 82
    else if (code >= 100 && code <= 107) next.bg = code - 92
    else if (code === 39) next.fg = null
    else if (code === 49) next.bg = null
    else if (code === 38 || code === 48) {
      const [colour, took] = extended(codes, at + 1)
      if (colour !== undefined) next[code === 38 ? 'fg' : 'bg'] = colour
      at += took
    }
  }
  return one(next)
}
