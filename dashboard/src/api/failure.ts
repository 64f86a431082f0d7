// The one error of every call: what went wrong, in words that the daemon chose, or that there was no daemon to ask.

/** What is wrong with one field of what was sent. */
export interface FieldError {
  field: string
  code: string
  message: string
}

export class ApiFailure extends Error {
  override name = 'ApiFailure'

  constructor(
    /** HTTP status; 0 when nothing answered. */
    readonly status: number,
    /** For programs: `already_running`; `offline` when nothing answered. */
    readonly code: string,
    message: string,
    /** `GET /api/gpu`: for a report of the error. */
    readonly call: string,
    readonly errors: FieldError[] = [],
    /** The whole answer: a conflict carries the newer version. */
    readonly body: unknown = null,
    /** Its ETag, where it had one, without quotes. */
    readonly etag: string | null = null,
  ) {
    super(message)
  }

  /** Nothing answered. */
  get offline(): boolean {
    return this.status === 0
  }

  /** The words for one field. */
  of(field: string): string | undefined {
    return this.errors.find((error) => error.field === field)?.message
  }
}

/** What stands there now, in the answer to a save that came too late: as a GET would have it. */
export function staleBody(error: unknown): unknown {
  if (!(error instanceof ApiFailure) || error.status !== 409) return undefined
  return (error.body as { current?: unknown } | null)?.current ?? undefined
}

interface Said {
  code?: unknown
  message?: unknown
  errors?: unknown
}

/** The error of an answer that is not a good one. */
export async function failureOf(response: Response, call: string): Promise<ApiFailure> {
  const text = await response.text()
  let said: Said = {}
  try {
    said = (JSON.parse(text) as Said | null) ?? {}
  } catch {
    // Not ours: a proxy's page, say. Its status has to do.
  }
  const code = typeof said.code === 'string' ? said.code : `http_${response.status}`
  const message = typeof said.message === 'string' ? said.message : `HTTP ${response.status} ${response.statusText}`
  const errors = Array.isArray(said.errors) ? (said.errors as FieldError[]) : []
  return new ApiFailure(response.status, code, message, call, errors, said, response.headers.get('etag')?.replaceAll('"', '') ?? null)
}
