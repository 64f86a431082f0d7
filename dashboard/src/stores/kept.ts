// Values that outlive the page, in its own origin's storage. Storage may be full or forbidden: then they live as long as the page.
import { customRef, type Ref } from 'vue'

const PREFIX = 'gpuyard.'

export function readKept<T>(name: string): T | undefined {
  try {
    const text = localStorage.getItem(PREFIX + name)
    return text === null ? undefined : (JSON.parse(text) as T)
  } catch {
    return undefined
  }
}

/** Writes a value; `undefined` forgets it. False when there was no room for it. */
export function writeKept(name: string, value: unknown): boolean {
  try {
    if (value === undefined) localStorage.removeItem(PREFIX + name)
    else localStorage.setItem(PREFIX + name, JSON.stringify(value))
    return true
  } catch {
    return false
  }
}

/** A ref that is kept, and follows the other tabs. `check` turns away what an older page left behind. */
export function kept<T>(name: string, fallback: T, check: (value: unknown) => boolean = () => true): Ref<T> {
  const read = (): T => {
    const value = readKept<T>(name)
    return value !== undefined && check(value) ? value : fallback
  }
  let value = read()
  return customRef((track, trigger) => {
    addEventListener('storage', (event) => {
      if (event.key !== PREFIX + name) return
      value = read()
      trigger()
    })
    return {
      get() {
        track()
        return value
      },
      set(next) {
        value = next
        writeKept(name, next)
        trigger()
      },
    }
  })
}
