// Colours of a terminal on our two grounds. A program chose them for a ground that it did not know: they are moved until they can be read.
import { TRUE, type Colour, type Style } from './style'

type Rgb = [number, number, number]

/** Grounds of the log, as tokens.css has them (`--sunken`). */
const GROUND: Record<'light' | 'dark', Rgb> = { light: [246, 248, 250], dark: [21, 26, 32] }
const TEXT: Record<'light' | 'dark', Rgb> = { light: [36, 41, 46], dark: [229, 234, 240] }
const LEAST = 4.5
/** On the ground of a row, which may be chosen, marked or pointed at besides. */
const ON_ROW = { light: 5, dark: 6.4 }

/** The sixteen that programs name: as they look on a light and on a dark ground, before they are moved. */
const NAMED: Rgb[] = [
  [60, 66, 72], [205, 49, 49], [19, 128, 52], [148, 106, 0], [36, 99, 209], [158, 54, 173], [8, 122, 145], [170, 178, 186],
  [110, 120, 130], [228, 80, 80], [40, 167, 69], [198, 149, 20], [74, 144, 245], [201, 96, 214], [38, 166, 190], [225, 230, 236],
]
const STEPS = [0, 95, 135, 175, 215, 255]

function rgbOf(colour: number): Rgb {
  if (colour >= TRUE) return [((colour - TRUE) >> 16) & 255, ((colour - TRUE) >> 8) & 255, (colour - TRUE) & 255]
  const named = NAMED[colour]
  if (named) return named
  if (colour >= 232) {
    const grey = 8 + (colour - 232) * 10
    return [grey, grey, grey]
  }
  const cube = colour - 16
  return [STEPS[Math.floor(cube / 36)] ?? 0, STEPS[Math.floor(cube / 6) % 6] ?? 0, STEPS[cube % 6] ?? 0]
}

function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((part) => {
    const c = part / 255
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  }) as Rgb
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

export function contrast(a: Rgb, b: Rgb): number {
  const [x, y] = [luminance(a), luminance(b)]
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05)
}

/** The nearest colour to `colour` that can be read on `ground`: towards black or white, whichever is further from it. */
export function readable(colour: Rgb, ground: Rgb, least = LEAST): Rgb {
  const target = contrast([0, 0, 0], ground) > contrast([255, 255, 255], ground) ? 0 : 255
  let found = colour
  for (let step = 1; step <= 20 && contrast(found, ground) < least; step++) {
    found = colour.map((part) => Math.round(part + ((target - part) * step) / 20)) as Rgb
  }
  return found
}

const css = (rgb: Rgb) => `rgb(${rgb.join(' ')})`

/** A type rather than an interface: that is what styles take. */
export type Look = { color?: string; backgroundColor?: string }
const looks = { light: new WeakMap<Style, Look>(), dark: new WeakMap<Style, Look>() }

/** The colours of a style in a theme; what needs none has none. */
export function lookOf(style: Style, theme: 'light' | 'dark'): Look {
  const kept = looks[theme].get(style)
  if (kept) return kept
  const own = (colour: Colour, instead: Rgb) => (colour === null ? instead : rgbOf(colour))
  const look: Look = {}
  let fg = own(style.fg, TEXT[theme])
  let bg = own(style.bg, GROUND[theme])
  if (style.inverse) [fg, bg] = [bg, fg]
  if (style.bg !== null || style.inverse) look.backgroundColor = css(bg)
  if (style.fg !== null || look.backgroundColor) look.color = css(readable(fg, bg, look.backgroundColor ? LEAST : ON_ROW[theme]))
  looks[theme].set(style, look)
  return look
}
