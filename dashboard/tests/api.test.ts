// The client is the one that belongs to the daemon's document.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { generate } from '../scripts/api.mjs'

it('is made from the OpenAPI snapshot that is there', async () => {
  expect(readFileSync('src/api/schema.d.ts', 'utf8') === (await generate()), 'stale: npm run api').toBe(true)
})
