// Logging in and out.
import { call } from '@/api'

/** What a login is worth. */
export interface Login {
  /** To be sent with every call; null where no key is asked for. */
  token: string | null
  expires_at: string | null
}

/** Whether the daemon asks for a key at all. */
export async function requiresKey(): Promise<boolean> {
  return (await call<{ requires_auth: boolean }>('GET', '/api/auth/check')).data.requires_auth
}

export async function logIn(key: string): Promise<Login> {
  return (await call<Login>('POST', '/api/auth/login', { body: { password: key } })).data
}

export async function logOut(): Promise<void> {
  await call('POST', '/api/auth/logout')
}
