// The daemon's API as domains use it.
export { api, bodyOf, ifMatch, versionOf, type Schemas, type Versioned } from './client'
export { ApiFailure, staleBody, type FieldError } from './failure'
export { setSurroundings, type Surroundings } from './http'
export { Link, type Entries, type LinkHost, type LinkState } from './socket'
export { linesOf } from './stream'
