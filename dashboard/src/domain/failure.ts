// What went wrong, as everything above the transport sees it.
export { ApiFailure, type FieldError } from '@/api'
