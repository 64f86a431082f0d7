// The daemon's API as domains use it.
export { ApiFailure, type FieldError } from './failure'
export { call, setSurroundings, type Surroundings, type Versioned } from './http'
