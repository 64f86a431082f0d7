// One way to the daemon: the token and the language go along, and every bad answer becomes an ApiFailure.
import { ApiFailure, failureOf } from './failure'

/** What a call needs to know of the page, and whom it tells of a lost login. */
export interface Surroundings {
  token(): string | null
  language(): string
  /** The token that was sent is no longer good. */
  onUnauthorized(): void
}

let around: Surroundings = { token: () => null, language: () => 'en', onUnauthorized: () => undefined }

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
  if (response.ok) return response
  // A login that failed is the login form's own affair; a login that came meanwhile is not undone.
  if (response.status === 401 && !request.url.endsWith('/api/auth/login') && around.token() === token) around.onUnauthorized()
  throw await failureOf(response, call)
}

/** What `call` may carry. */
export interface Options {
  query?: Record<string, string | number | boolean | null | undefined>
  body?: unknown
  /** The version that is being replaced. */
  ifMatch?: string | null
  signal?: AbortSignal
}

/** An answer's body with its version. */
export interface Versioned<T> {
  data: T
  etag: string | null
}

/** Calls the daemon: `call<GpuReport>('GET', '/api/gpu')`. */
export async function call<T>(method: string, path: string, options: Options = {}): Promise<Versioned<T>> {
  const url = new URL(path, location.origin)
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value != null) url.searchParams.set(name, String(value))
  }
  const headers = new Headers()
  if (options.body !== undefined) headers.set('Content-Type', 'application/json')
  if (options.ifMatch) headers.set('If-Match', options.ifMatch)
  const response = await send(
    new Request(url, {
      method,
      headers,
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: options.signal,
    }),
  )
  return { data: (await response.json()) as T, etag: response.headers.get('etag') }
}
