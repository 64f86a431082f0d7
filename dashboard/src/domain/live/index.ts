// The live connection as stores see it.
import { Link, type LinkHost } from '@/api'

export type { Entries, LinkState } from '@/api'
export type { Link } from '@/api'

/** A link to the daemon that served this page. */
export function linkToDaemon(host: Omit<LinkHost, 'open'>): Link {
  const url = new URL('/api/ws', location.origin)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return new Link({ ...host, open: () => new WebSocket(url) })
}
