// Chinese, gathered from one file a subject. The type makes a missing message an error.
import type { Rest } from './en'
import logs from './zh-CN/logs'
import processes from './zh-CN/processes'
import rules from './zh-CN/rules'
import settings from './zh-CN/settings'
import state from './zh-CN/state'

const rest: Rest = {
  logs,
  processes,
  rules,
  settings,
  state,
}
export default rest
