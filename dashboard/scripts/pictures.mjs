// Takes the README's pictures of the dashboard from a running demo (./run.sh --demo): `npm run pictures -- URL SECRET`.
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { chromium } from '@playwright/test'

const [url, secret] = process.argv.slice(2)
if (!url || !secret) throw new Error('usage: npm run pictures -- http://127.0.0.1:29314 SECRET')
const LARGEST = 120_000

const answer = await fetch(`${url}/api/auth/login`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ password: secret }) })
if (!answer.ok) throw new Error(`the demo at ${url} does not take this secret: ${answer.status}`)
const { token } = await answer.json()

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'] })
const context = await browser.newContext({ viewport: { width: 1280, height: 440 }, deviceScaleFactor: 1.5 })
await context.addInitScript((token) => {
  localStorage.setItem('gpuyard.token', JSON.stringify(token))
  localStorage.setItem('gpuyard.language', '"en"')
  localStorage.setItem('gpuyard.theme', '"light"')
}, token)

/** A WebP of what is seen: small enough for a README. */
async function picture(path, seen, name, height) {
  const page = await context.newPage()
  await page.setViewportSize({ width: 1280, height })
  await page.goto(`${url}/ui${path}`)
  await page.locator(seen).first().waitFor()
  // Numbers have come, pictures are drawn, nothing is pointed at.
  await page.waitForTimeout(2500)
  const session = await context.newCDPSession(page)
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 82 })
  const file = `../docs/${name}.webp`
  writeFileSync(file, Buffer.from(data, 'base64'))
  const { size } = statSync(file)
  if (size > LARGEST) throw new Error(`${file} has ${size} bytes, more than ${LARGEST}`)
  console.log(`${file}: ${readFileSync(file).length} bytes`)
  await page.close()
}

await picture('/gpu', '.gpu', 'gpus', 370)
await picture('/command', 'main h1, main h2', 'queues', 640)
await browser.close()
