// Logging in and out.
import { api, bodyOf, type Schemas } from '@/api'

/** What a login is worth: a token, to be sent with every call; none where no key is asked for. */
export type Login = Schemas['LoginAnswer']

/** Whether the daemon asks for a key at all. */
export async function requiresKey(): Promise<boolean> {
  return (await bodyOf(api.GET('/api/auth/check'))).requires_auth
}

export function logIn(key: string): Promise<Login> {
  return bodyOf(api.POST('/api/auth/login', { body: { password: key } }))
}

export async function logOut(): Promise<void> {
  await api.POST('/api/auth/logout')
}
