// The daemon's settings: read with what is told of each, saved key by key. The secret is only ever sent, never read.
import { api, ifMatch, staleBody, versionOf, type Schemas } from '@/api'
import { ApiFailure } from '@/domain/failure'
import { difference, type Field, type Values } from '@/domain/record'

export type Setting = Schemas['Setting']
/** What is told of each key besides its value. */
export type AboutSettings = Readonly<Record<string, Omit<Setting, 'value'>>>

export interface Group {
  name: 'general' | 'network' | 'security'
  fields: readonly Field[]
}

export const GROUPS: readonly Group[] = [
  {
    name: 'general',
    fields: [
      { name: 'language', kind: 'choice', choices: ['en', 'zh'], optional: true },
      { name: 'log-level', kind: 'choice', choices: ['debug', 'info', 'warning', 'error', 'critical'] },
      { name: 'log-dir', kind: 'text' },
      { name: 'target-yaml-path', kind: 'text' },
      { name: 'gpu-source', kind: 'text' },
      { name: 'gpu-interval', kind: 'number', unit: 's' },
      { name: 'keep-runs', kind: 'number' },
      { name: 'keep-logs-days', kind: 'number', unit: 'd', optional: true },
      { name: 'data-dir', kind: 'text', optional: true },
    ],
  },
  {
    name: 'network',
    fields: [
      { name: 'port', kind: 'number' },
      { name: 'allow-lan', kind: 'bool' },
      { name: 'bind-address', kind: 'text' },
      { name: 'trusted-hosts', kind: 'list' },
      { name: 'tls-cert', kind: 'text', optional: true },
      { name: 'tls-key', kind: 'text', optional: true },
    ],
  },
  {
    name: 'security',
    fields: [
      { name: 'secret', kind: 'secret' },
      { name: 'session-hours', kind: 'number', unit: 'h' },
      { name: 'log-roots', kind: 'list' },
      { name: 'allow-anonymous', kind: 'bool' },
    ],
  },
]

type Wire = Readonly<Record<string, Setting>>

function parts(said: Wire): { value: Values; about: AboutSettings } {
  const all = Object.entries(said)
  return {
    // The secret is no value of the page's: it never comes, and is sent on its own.
    value: Object.fromEntries(all.filter(([name]) => name !== 'secret').map(([name, { value }]) => [name, value])),
    about: Object.fromEntries(all),
  }
}

export async function readSettings(signal?: AbortSignal) {
  const { data, etag } = await versionOf(api.GET('/api/settings', { signal }))
  return { ...parts(data as Wire), etag }
}

function put(change: Values, etag: string | null) {
  return versionOf(api.PUT('/api/settings', { headers: ifMatch(etag), body: change as Schemas['SettingsChange'] }))
}

/** Says which changes wait for a restart. */
export async function saveSettings(base: Values, mine: Values, etag: string | null) {
  const { data, etag: now } = await put(difference(base, mine), etag)
  return { etag: now, restart: data.requires_restart, warnings: data.warnings }
}

/** Ends every login, this one too. */
export async function changeSecret(secret: string): Promise<string[]> {
  return (await put({ secret }, null)).data.warnings
}

export function newerSettings(error: unknown) {
  const current = staleBody(error) as Wire | undefined
  return current && error instanceof ApiFailure ? { ...parts(current), etag: error.etag } : undefined
}
