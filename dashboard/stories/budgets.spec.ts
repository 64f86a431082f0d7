// What the page may cost, by bytes, nodes and CPU time of its main thread; never by wall clock.
import type { CDPSession, Page } from '@playwright/test'
import { block, expect, test } from './yard'

/** Seconds that the main thread has worked for this page. */
async function cpu(session: CDPSession): Promise<number> {
  const { metrics } = (await session.send('Performance.getMetrics')) as { metrics: { name: string; value: number }[] }
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? NaN
}

/** What one measured deed costs in milliseconds of CPU time, the least of a few: the machine may be busy with others. */
async function least(times: number, deed: () => Promise<number>): Promise<number> {
  const found: number[] = []
  for (let time = 0; time < times; time++) found.push(await deed())
  return Math.min(...found)
}

async function measured(page: Page): Promise<CDPSession> {
  const session = await page.context().newCDPSession(page)
  // Time of the thread, not of the clock on the wall.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  return session
}

test('the first load weighs at most 100 kB', async ({ desk: page, yard }) => {
  const sizes = new Map<string, Promise<number>>()
  page.on('request', (request) => {
    if (/^(?:document|script|stylesheet)$/.test(request.resourceType())) {
      sizes.set(request.url(), fetch(request.url().replace('gpu.lab', '127.0.0.1'), { headers: { 'Accept-Encoding': 'identity' } }).then(async (answer) => {
        const { gzipSync } = await import('node:zlib')
        return gzipSync(Buffer.from(await answer.arrayBuffer()), { level: 9 }).length
      }))
    }
  })
  await page.goto(`${yard.url}/gpu`)
  await expect(page.locator('.gpu')).toHaveCount(4)
  const told = await Promise.all([...sizes].map(async ([url, size]) => [url.split('/').at(-1), await size] as const))
  const sum = told.reduce((sum, [, size]) => sum + size, 0)
  console.log(`first load: ${(sum / 1000).toFixed(1)} kB gzip in ${told.length} files`)
  expect(sum, JSON.stringify(told)).toBeLessThanOrEqual(100_000)
})

test('the overview costs at most 300 ms of the main thread', async ({ desk: page, yard }) => {
  const session = await measured(page)
  const cost = await least(3, async () => {
    await page.goto('about:blank')
    await page.goto(`${yard.url}/gpu`, { waitUntil: 'commit' })
    await page.locator('.gpu').nth(3).waitFor()
    return (await cpu(session)) * 1000
  })
  console.log(`overview: ${cost.toFixed(0)} ms of CPU`)
  expect(cost).toBeLessThanOrEqual(300)
})

test.describe('ten thousand tasks', () => {
  test('have at most 60 rows in the page, and are filtered in 150 ms', async ({ desk: page, yard }) => {
    test.setTimeout(180_000)
    const tasks = Array.from({ length: 10_000 }, (_, at) => block((at % 100) + 1, at < 100 ? `sleep 900 # no.${at}` : `true # no.${at}`, 1))
    yard.write('command/command_gpu.txt', tasks.join(''))
    expect((await yard.api('POST', '/scheduler/single/start?config_index=0')).status).toBe(200)
    await page.goto(`${yard.url}/state`)
    await expect(page.locator('.task').first()).toBeVisible()
    const rows = () => page.locator('.row-at').count()
    expect(await rows()).toBeLessThanOrEqual(60)
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight / 2))
    await expect(page.locator('.task').first()).toBeVisible()
    expect(await rows()).toBeLessThanOrEqual(60)
    await page.evaluate(() => scrollTo(0, 0))

    const session = await measured(page)
    const field = page.getByLabel('Filter tasks')
    await field.focus()
    const cost = await least(4, async () => {
      await field.fill('')
      await expect(page.locator('.task').nth(5)).toBeVisible()
      const before = await cpu(session)
      for (const key of '.9997') await page.keyboard.press(key)
      await expect(page.locator('.task')).toHaveCount(1)
      return (((await cpu(session)) - before) * 1000) / '.9997'.length
    })
    console.log(`filter of 10,000 tasks: ${cost.toFixed(0)} ms of CPU a keystroke`)
    expect(cost).toBeLessThanOrEqual(150)
  })
})
