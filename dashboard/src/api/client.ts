// The client of the daemon's API, typed by its OpenAPI document: `npm run api` makes schema.d.ts anew.
import createClient from 'openapi-fetch'
import { send } from './http'
import type { components, paths } from './schema'

/** Every shape of the API by its name there. */
export type Schemas = components['schemas']

/** `api.GET('/api/gpu')`. Bad answers are thrown, as ApiFailure. */
export const api = createClient<paths>({ baseUrl: location.origin, fetch: send })

/** The body of an answer. */
export async function bodyOf<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T
}

/** An answer's body with its version, for what can be edited. */
export interface Versioned<T> {
  data: T
  /** Without the quotes that it has in headers. */
  etag: string | null
}

export async function versionOf<T>(answer: Promise<{ data?: T; response: Response }>): Promise<Versioned<T>> {
  const { data, response } = await answer
  return { data: data as T, etag: bareEtag(response.headers.get('etag')) }
}

/** `"abc"` as `abc`, as bodies and topics have it. */
export const bareEtag = (header: string | null): string | null => header?.replace(/^(?:W\/)?"|"$/g, '') ?? null

/** Only what was read may be written over; with null, whatever is there. */
export const ifMatch = (etag: string | null) => (etag === null ? {} : { 'If-Match': `"${etag}"` })
