// English, gathered from one file a subject. What the first page needs is in en/first.ts; all else comes after it.
import type first from './en/first'
import commands from './en/commands'
import diff from './en/diff'
import logs from './en/logs'
import processes from './en/processes'
import record from './en/record'
import rules from './en/rules'
import settings from './en/settings'
import state from './en/state'
import tasks from './en/tasks'

const rest = {
  commands,
  diff,
  logs,
  processes,
  record,
  rules,
  settings,
  state,
  tasks,
}
export type First = Shape<typeof first>
export type Rest = Shape<typeof rest>
export type Messages = First & Rest
type Shape<T> = { [K in keyof T]: T[K] extends string ? string : Shape<T[K]> }
export default rest satisfies Rest
