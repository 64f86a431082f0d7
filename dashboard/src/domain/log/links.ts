// Addresses in a text. Only http and https are ever links: a log is not to be trusted.

// eslint-disable-next-line no-control-regex -- an address ends at a control byte too
const ADDRESS = /\bhttps?:\/\/[^\s<>"'`\x00-\x1f\x7f\u3000-\u303f\uff00-\uffef]+/g

export interface Piece {
  text: string
  href?: string
}

/** A text in pieces, addresses apart. */
export function linked(text: string): Piece[] {
  if (!text.includes('://')) return [{ text }]
  const found: Piece[] = []
  let at = 0
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0])
    const href = checked(address)
    if (!href) continue
    if (match.index > at) found.push({ text: text.slice(at, match.index) })
    found.push({ text: address, href })
    at = match.index + address.length
  }
  if (at < text.length || !found.length) found.push({ text: text.slice(at) })
  return found
}

/** Less what belongs to the sentence: a full stop, a bracket that was opened outside. */
function trimmed(address: string): string {
  let end = address.replace(/[.,;:!?]+$/, '')
  for (const [open, close] of ['()', '[]', '{}'] as const) {
    while (end.endsWith(close!) && end.split(open!).length < end.split(close!).length) end = end.slice(0, -1)
  }
  return end
}

function checked(address: string): string | undefined {
  try {
    const url = new URL(address)
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : undefined
  } catch {
    return undefined
  }
}
