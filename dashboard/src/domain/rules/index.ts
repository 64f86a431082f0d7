// The rules: read, saved key by key, and tried out by the daemon's own policy before they are saved.
import { api, bodyOf, ifMatch, staleBody, versionOf, type Schemas } from '@/api'
import { ApiFailure } from '@/domain/failure'
import { difference, flatten, unflatten, type Field, type Values } from '@/domain/record'

export type Preview = Schemas['RulesPreview']
type Change = Schemas['RulesChange']

/** Their keys stand in the file below this one. */
const GROUPED = ['retry_config']

export interface Group {
  name: 'basic' | 'mode' | 'advanced' | 'retry'
  fields: readonly Field[]
}

export const GROUPS: readonly Group[] = [
  {
    name: 'basic',
    fields: [
      { name: 'use_all_gpus', kind: 'bool' },
      { name: 'compete_gpus', kind: 'gpus' },
      { name: 'gpu_left', kind: 'number' },
      { name: 'min_gpu', kind: 'number' },
      { name: 'max_gpu', kind: 'number' },
      { name: 'check_time', kind: 'number', unit: 's' },
      { name: 'work_dir', kind: 'text', optional: true },
    ],
  },
  {
    name: 'mode',
    fields: [
      { name: 'maximize_resource_utilization', kind: 'bool' },
      { name: 'memory_save_mode', kind: 'bool' },
      { name: 'memory_headroom', kind: 'number', unit: 'GiB' },
      { name: 'avoid_other_users', kind: 'bool' },
      { name: 'hold_after', kind: 'number', unit: 's', optional: true },
    ],
  },
  {
    name: 'retry',
    fields: [
      { name: 'retry_config.max_retry_before_backoff', kind: 'number' },
      { name: 'retry_config.backoff_duration', kind: 'number', unit: 's' },
      { name: 'retry_config.max_retries', kind: 'number' },
      { name: 'retry_config.retry_delay', kind: 'number', unit: 's' },
      { name: 'on_failure', kind: 'choice', choices: ['stop', 'continue'] },
      { name: 'auto_resume', kind: 'bool' },
      { name: 'task_timeout', kind: 'number', unit: 's', optional: true },
      { name: 'stop_grace', kind: 'number', unit: 's' },
    ],
  },
  {
    name: 'advanced',
    fields: [
      { name: 'max_gpu_utilization', kind: 'number', unit: '%' },
      { name: 'idle_seconds', kind: 'number', unit: 's' },
      { name: 'ignore_processes_below', kind: 'number', unit: 'MiB' },
      { name: 'prefer_gpus', kind: 'gpus' },
      { name: 'gpu_command_file', kind: 'text' },
      { name: 'gpus_command_file', kind: 'text' },
      { name: 'conda_base', kind: 'text', optional: true },
      { name: 'environment', kind: 'map' },
    ],
  },
]

const valuesOf = (rules: unknown): Values => flatten(rules as Record<string, unknown>, GROUPED)
const changeOf = (base: Values, mine: Values) => unflatten(difference(base, mine)) as Change

export async function readRules(signal?: AbortSignal): Promise<{ value: Values; etag: string | null }> {
  const { data, etag } = await versionOf(api.GET('/api/config', { signal }))
  return { value: valuesOf(data), etag }
}

export interface RulesSaved {
  value: Values
  etag: string | null
  /** Changed keys that take effect at a scheduler's next start. */
  restart: string[]
  warnings: string[]
}

export async function saveRules(base: Values, mine: Values, etag: string | null): Promise<RulesSaved> {
  const said = await versionOf(api.PUT('/api/config', { headers: ifMatch(etag), body: changeOf(base, mine) }))
  return { value: valuesOf(said.data.data), etag: said.etag, restart: said.data.requires_restart, warnings: said.data.warnings }
}

/** The rules that a refused save came upon. */
export function newerRules(error: unknown): { value: Values; etag: string | null } | undefined {
  const current = staleBody(error)
  return current && error instanceof ApiFailure ? { value: valuesOf(current), etag: error.etag } : undefined
}

export function previewRules(base: Values, mine: Values, signal?: AbortSignal): Promise<Preview> {
  return bodyOf(api.POST('/api/config/preview', { body: changeOf(base, mine), signal }))
}
