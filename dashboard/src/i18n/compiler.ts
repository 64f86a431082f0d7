// Stands in for @intlify/message-compiler in the build: messages.ts makes functions of our messages, so nothing is ever compiled.

/** Where the library's own error codes begin. */
export const COMPILE_ERROR_CODES_EXTEND_POINT = 17
export const CompileErrorCodes = {}
export const detectHtmlTag = () => false
export const createCompileError = (code: number) => new SyntaxError(`words: error ${code}`)
export function defaultOnError(error: Error): never {
  throw error
}
export function baseCompile(): never {
  throw new SyntaxError('words: a message is not a function')
}
