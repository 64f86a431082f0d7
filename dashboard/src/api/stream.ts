// Answers that come line by line, each a JSON value, for as long as the daemon finds more to say.
import { send } from './http'

/** The lines of an answer as they come. Whoever stops asking for them ends the call. */
export async function* linesOf(path: string, query: Record<string, unknown>, signal: AbortSignal): AsyncGenerator<unknown> {
  const url = new URL(path, location.origin)
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value))
  const { body } = await send(new Request(url, { signal }))
  if (!body) return
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (;;) {
      const { value, done } = await reader.read()
      const lines = (rest + decoder.decode(value, { stream: !done })).split('\n')
      rest = done ? '' : (lines.pop() ?? '')
      for (const line of lines) if (line) yield JSON.parse(line)
      if (done) return
    }
  } finally {
    void reader.cancel()
  }
}
