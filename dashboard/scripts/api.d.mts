// Types of api.mjs.
export function generate(): Promise<string>
