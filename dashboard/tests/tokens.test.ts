// Every text stands out from every ground that it is put on, in both themes: 4.5 to 1, as WCAG 2.2 AA asks.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const css = readFileSync('src/styles/tokens.css', 'utf8')

function token(name: string, theme: 0 | 1): string {
  const value = new RegExp(`--${name}: ([^;]+);`).exec(css)?.[1] ?? ''
  const pair = /light-dark\((#\w{6}), (#\w{6})\)/.exec(value)
  return pair ? (pair[theme + 1] ?? '') : value
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5]
    .map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(a: string, b: string): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (high + 0.05) / (low + 0.05)
}

const GROUNDS = ['ground', 'card', 'raised', 'sunken', 'hover', 'selected']
const TEXTS: [string, string[]][] = [
  ['text', [...GROUNDS, 'success-ground', 'warning-ground', 'error-ground', 'info-ground', 'idle-ground']],
  ['text-2', [...GROUNDS, 'idle-ground']],
  ['primary-text', [...GROUNDS, 'info-ground']],
  ['success-text', ['ground', 'card', 'raised', 'sunken', 'hover', 'success-ground']],
  ['warning-text', ['ground', 'card', 'raised', 'sunken', 'hover', 'warning-ground']],
  ['error-text', ['ground', 'card', 'raised', 'sunken', 'hover', 'error-ground']],
  ['log-hit-text', ['log-hit']],
  ['log-hit-now-text', ['log-hit-now']],
  ['on-button', ['button', 'button-2', 'danger-button']],
]

describe.each([['light', 0], ['dark', 1]] as const)('the %s theme', (_, theme) => {
  it.each(TEXTS.flatMap(([text, grounds]) => grounds.map((ground) => [text, ground])))('%s on %s', (text = '', ground = '') => {
    expect(contrast(token(text, theme), token(ground, theme))).toBeGreaterThanOrEqual(4.5)
  })
  it.each(['outline', 'primary'])('%s can be seen against a card', (name) => {
    expect(contrast(token(name, theme), token('card', theme))).toBeGreaterThanOrEqual(3)
  })
})
