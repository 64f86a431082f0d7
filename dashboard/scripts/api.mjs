// Writes src/api/schema.d.ts from the daemon's OpenAPI snapshot: `npm run api`. A test fails when it is stale.
import { readFileSync, writeFileSync } from 'node:fs'
import openapiTS, { astToString } from 'openapi-typescript'

// npm runs scripts in the folder of package.json.
const SNAPSHOT = '../tests/snapshots/openapi.json'
const SCHEMA = 'src/api/schema.d.ts'

/** The client's types, as they should be. */
export async function generate() {
  const text = astToString(await openapiTS(JSON.parse(readFileSync(SNAPSHOT, 'utf8'))))
  return `// Made by \`npm run api\` from tests/snapshots/openapi.json. Do not edit.\n${text}`
}

if (process.argv[1] && import.meta.url.endsWith(process.argv[1].split('/').at(-1))) writeFileSync(SCHEMA, await generate())
