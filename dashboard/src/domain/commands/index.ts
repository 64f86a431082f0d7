// Command files: what is asked of the daemon, and what it says.
import { api, bodyOf, ifMatch, staleBody, type Schemas } from '@/api'
import type { ConfigKey, Mode } from '@/domain/scheduler'
import type { Bare } from './align'
import type { Tree } from './tree'

export * from './align'
export * from './changes'
export * from './draft'
export * from './history'
export * from './lines'
export * from './marks'
export * from './merge'
export * from './rows'
export * from './tree'

export type ConfigName = Schemas['CommandFileName']
/** What the daemon's parser found in a line. */
export type Finding = Schemas['FindingAnswer']
export type CommandVersion = Schemas['CommandVersion']
type Wire = Schemas['CommandConfig']

/** A command file as it was read. */
export interface Reading {
  queues: Bare[]
  etag: string | null
  exists: boolean
  fileName: string
  findings: Finding[]
}

const at = ({ mode, index }: ConfigKey) => ({ path: { mode }, query: { config_index: index } })

export const bareOf = (queues: Wire['queues']): Bare[] =>
  queues.map(({ id, processes }) => ({
    id,
    tasks: processes.map(({ commands, gpu_count, memory }) => ({ commands, gpuCount: gpu_count, memory })),
  }))

function readingOf(said: Wire): Reading {
  return { queues: bareOf(said.queues), etag: said.etag ?? null, exists: said.exists, fileName: said.file_name, findings: said.findings }
}

export async function listCommands(mode: Mode, signal?: AbortSignal): Promise<ConfigName[]> {
  return (await bodyOf(api.GET('/api/commands/{mode}/list', { params: { path: { mode } }, signal }))).configs
}

export async function readCommands(key: ConfigKey, signal?: AbortSignal): Promise<Reading> {
  return readingOf(await bodyOf(api.GET('/api/commands/{mode}', { params: at(key), signal })))
}

const wireOf = (tree: Tree) =>
  tree.map(({ id, tasks }) => ({
    id,
    processes: tasks.map(({ commands, gpuCount, memory }) => ({ commands: [...commands], gpu_count: gpuCount, memory })),
  }))

/** Saves a tree over the version that it was made from. */
export function saveCommands(key: ConfigKey, tree: Tree, etag: string | null) {
  return bodyOf(api.PUT('/api/commands/{mode}', { params: at(key), headers: ifMatch(etag), body: { queues: wireOf(tree) } }))
}

/** The newer version that a refused save came upon. */
export function newerOf(error: unknown): Reading | undefined {
  const current = staleBody(error) as Wire | undefined
  return current && Array.isArray(current.queues) ? readingOf(current) : undefined
}

export type FileText = Schemas['CommandText']

/** The text that a refused save came upon. */
export function newerText(error: unknown): FileText | undefined {
  const current = staleBody(error) as FileText | undefined
  return typeof current?.text === 'string' ? current : undefined
}

export function readText(key: ConfigKey, signal?: AbortSignal): Promise<FileText> {
  return bodyOf(api.GET('/api/commands/{mode}/text', { params: at(key), signal }))
}

/** What the daemon's parser says of a text; nothing is written. */
export function checkText(key: ConfigKey, text: string, signal?: AbortSignal) {
  return bodyOf(api.PUT('/api/commands/{mode}/text', { params: at(key), body: { text, dry_run: true }, signal }))
}

export function saveText(key: ConfigKey, text: string, etag: string | null) {
  return bodyOf(api.PUT('/api/commands/{mode}/text', { params: at(key), headers: ifMatch(etag), body: { text, dry_run: false } }))
}

export async function createCommands(mode: Mode): Promise<ConfigName> {
  return (await bodyOf(api.POST('/api/commands/{mode}/new', { params: { path: { mode } } }))).config
}

export function deleteCommands({ mode, index }: ConfigKey) {
  return bodyOf(api.DELETE('/api/commands/{mode}/{config_index}', { params: { path: { mode, config_index: index } } }))
}

/** Back to the version before the last save. */
export function resetCommands(key: ConfigKey) {
  return bodyOf(api.POST('/api/commands/{mode}/reset', { params: at(key) }))
}

export async function listVersions(key: ConfigKey, signal?: AbortSignal): Promise<CommandVersion[]> {
  return (await bodyOf(api.GET('/api/commands/{mode}/versions', { params: at(key), signal }))).versions
}

export function readVersion(key: ConfigKey, id: string, signal?: AbortSignal) {
  return bodyOf(
    api.GET('/api/commands/{mode}/versions/{id}', { params: { path: { mode: key.mode, id }, query: { config_index: key.index } }, signal }),
  )
}

