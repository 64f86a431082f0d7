// What is told of a log, by the live connection and with each piece that is read: the two pass each other on their way.
import type { LogHead } from './shapes'

/** Which file it is about: another one has another name, or was rotated, cut or written anew. */
export const fileOf = (head: LogHead | null | undefined): string => (head ? `${head.generation} ${head.log_path}` : '')

/** What is known once a piece was read: where more is known of the same file, or its end behind the same bytes, that stays. */
export const withRead = (known: LogHead | null, read: LogHead): LogHead => (known && fileOf(known) === fileOf(read) && known.size >= read.size ? known : read)
