// Chinese, gathered from one file a subject. The type makes a missing message an error.
import type { Rest } from './en'
import commands from './zh-CN/commands'
import diff from './zh-CN/diff'
import logs from './zh-CN/logs'
import processes from './zh-CN/processes'
import record from './zh-CN/record'
import rules from './zh-CN/rules'
import settings from './zh-CN/settings'
import state from './zh-CN/state'
import tasks from './zh-CN/tasks'

const rest: Rest = {
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
export default rest
