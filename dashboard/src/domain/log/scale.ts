// Where one is in a file that may have a hundred million lines. No element is that tall, so the bar beside the text is drawn from numbers.

/** A part of something, each in the same unit: lines, or bytes while nobody has counted the lines. */
export interface Place {
  /** First that is seen. */
  from: number
  /** Behind the last that is seen. */
  to: number
  total: number
}

/** The thumb of the bar, in pixels. It never gets too small to be grasped. */
export interface Thumb {
  top: number
  height: number
}

const LEAST = 24

export function thumbOf(place: Place, track: number): Thumb | null {
  if (place.total <= 0 || track <= LEAST || (place.from <= 0 && place.to >= place.total)) return null
  const seen = Math.max(1, place.to - place.from)
  const height = Math.max(LEAST, Math.min(track, (seen / place.total) * track))
  const room = Math.max(1, place.total - seen)
  return { top: Math.min(1, Math.max(0, place.from / room)) * (track - height), height }
}

/** The first that would be seen if the thumb were there. */
export function fromThumb(top: number, place: Place, track: number): number {
  const thumb = thumbOf(place, track)
  if (!thumb || track <= thumb.height) return 0
  const seen = place.to - place.from
  return Math.round(Math.min(1, Math.max(0, top / (track - thumb.height))) * Math.max(0, place.total - seen))
}
