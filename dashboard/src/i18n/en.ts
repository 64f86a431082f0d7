// English, gathered from one file a subject.
import common from './en/frame'
import gpu from './en/gpu'
import login from './en/login'
import logs from './en/logs'
import processes from './en/processes'
import rules from './en/rules'
import settings from './en/settings'
import state from './en/state'

const messages = { ...common, gpu, login, logs, processes, rules, settings, state }
export type Messages = Shape<typeof messages>
type Shape<T> = { [K in keyof T]: T[K] extends string ? string : Shape<T[K]> }
export default messages satisfies Messages
