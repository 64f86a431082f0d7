// Logs: how they are asked for, and what the page makes of them.
export { linesOf, linesText, logOf, logPage, nameOf, type Lines, type LogName } from './address'
export { fileOf, withRead } from './heads'
export { goalOf, type Goal } from './jump'
export { MARKS, type Mark } from './marks'
export { hitRows, markIn, markQuery, needlesOf, type LogQuery } from './search'
export type { LogExit, LogHead, LogHit, LogTask, Reading } from './shapes'
export { LogWindow, type LogLine, type PaneRow, type Part } from './window'
export { behind, logText, logTicket, readAfter, readBefore, readBytes, readLines, readTail, searchLog, timeOffset } from './calls'
