// Chinese, gathered from one file a subject. The type makes a missing message an error.
import type { Messages } from './en'
import common from './zh-CN/frame'
import gpu from './zh-CN/gpu'
import login from './zh-CN/login'
import logs from './zh-CN/logs'
import processes from './zh-CN/processes'
import rules from './zh-CN/rules'
import settings from './zh-CN/settings'
import state from './zh-CN/state'

const messages: Messages = { ...common, gpu, login, logs, processes, rules, settings, state }
export default messages
