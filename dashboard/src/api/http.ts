// One way to the daemon: the token and the language go along, and every bad answer becomes an ApiFailure.
import { ApiFailure, failureOf } from './failure'

/** What a call needs to know of the page, and whom it tells of a lost login. */
export interface Surroundings {
  token(): string | null
  language(): string
  /** The token that was sent is no longer good. */
  onUnauthorized(): void
  /** The daemon's clock, in milliseconds, as an answer told it. */
  onTime(at: number): void
}

let around: Surroundings = { token: () => null, language: () => 'en', onUnauthorized: () => undefined, onTime: () => undefined }

/** Set once, when the page starts. */
export function setSurroundings(surroundings: Surroundings): void {
  around = surroundings
}

/** Sends a request; resolves only with a good answer. */
export async function send(request: Request): Promise<Response> {
  const call = `${request.method} ${new URL(request.url).pathname}`
  const token = around.token()
  const headers = new Headers(request.headers)
  headers.set('Accept-Language', around.language())
  if (token) headers.set('Authorization', `Bearer ${token}`)
  let response: Response
  try {
    response = await fetch(new Request(request, { headers, credentials: 'omit', cache: 'no-store' }))
  } catch (error) {
    if (request.signal.aborted) throw error
    throw new ApiFailure(0, 'offline', '', call)
  }
  const date = Date.parse(response.headers.get('date') ?? '')
  if (!Number.isNaN(date)) around.onTime(date)
  if (response.ok) return response
  // A login that failed is the login form's own affair; a login that came meanwhile is not undone.
  const ended = response.status === 401 && !request.url.endsWith('/api/auth/login') && around.token() === token
  if (ended) around.onUnauthorized()
  throw await failureOf(response, call)
}
