// Stories of the log pane, against the real daemon.
import { appendFileSync, closeSync, openSync, renameSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { cleanInEveryLook } from './axe'
import { block, expect, test, type Yard } from './yard'

const at = (yard: Yard, name: string) => join(yard.root, 'work', name)
const page = (yard: Yard, name: string, query = '') => `${yard.url}/logs/path=${encodeURIComponent(at(yard, name))}${query}`
const line = (desk: Page, number: number) => desk.locator(`.line[data-line="${number}"]`)
const text = (count: number, from = 1) => Array.from({ length: count }, (_, n) => `line ${from + n} of the log\n`).join('')

/** What the browser holds: heap after a collection, and nodes. */
async function held(desk: Page): Promise<{ heap: number; nodes: number }> {
  const session = await desk.context().newCDPSession(desk)
  await session.send('HeapProfiler.collectGarbage')
  await session.send('Performance.enable')
  const { metrics } = await session.send('Performance.getMetrics')
  await session.detach()
  const of = (name: string) => metrics.find((metric) => metric.name === name)?.value ?? 0
  const nodes = await desk.evaluate(() => document.querySelectorAll('*').length)
  return { heap: of('JSHeapUsedSize'), nodes }
}

/** The task's time on the page's main thread, in seconds. */
async function busy(desk: Page): Promise<number> {
  const session = await desk.context().newCDPSession(desk)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  const { metrics } = await session.send('Performance.getMetrics')
  await session.detach()
  return metrics.find((metric) => metric.name === 'TaskDuration')?.value ?? 0
}

test('a running bar moves in place, seldom, and ends with the exit of its task', async ({ desk, yard }) => {
  yard.write('work/bar.sh', `printf '  0%%|    | 0/400'; until [ -e go ]; do sleep 0.05; done; for i in $(seq 1 400); do printf '\\r%3d%%|####| %d/400' $((i / 4)) "$i"; sleep 0.02; done; echo; printf '\\033[31mred\\033[0m end\\n'; exit 3\n`)
  yard.write('command/command_gpu.txt', block(1, 'bash bar.sh'))
  const started = (await (await yard.api('POST', '/scheduler/single/start?config_index=0')).json()) as { success: boolean }
  expect(started.success).toBe(true)
  await desk.goto(`${yard.url}/logs/mode=single&config_index=0&queue_id=1&process_index=0`)
  const bar = desk.locator('.line', { hasText: '/400' })
  await expect(bar).toHaveCount(1)
  // Paints of its row, counted in the page while it runs.
  yard.write('work/go', '')
  const rate = await desk.evaluate(async () => {
    const rows = document.querySelector('.log-rows')!
    let paints = 0
    let last = ''
    const observer = new MutationObserver(() => {
      const now = [...rows.querySelectorAll('.line')].find((row) => row.textContent?.includes('/400'))?.textContent ?? ''
      if (now !== last) paints++
      last = now
    })
    observer.observe(rows, { subtree: true, childList: true, characterData: true })
    const begin = performance.now()
    while (performance.now() - begin < 3000) await new Promise((resolve) => setTimeout(resolve, 100))
    observer.disconnect()
    return { paints, seconds: (performance.now() - begin) / 1000 }
  })
  expect(rate.paints).toBeGreaterThan(2)
  expect(rate.paints / rate.seconds).toBeLessThanOrEqual(4.4)
  await expect(bar).toContainText('400/400', { timeout: 60_000 })
  await expect(bar).toHaveCount(1)
  await expect(bar.locator('.redraws')).toContainText(/399|400/)
  await expect(desk.locator('.foot')).toContainText('Exit code 3', { timeout: 30_000 })
  await expect(desk.locator('.foot')).toContainText(/ran \d+ s/)
  await expect(desk.locator('.line', { hasText: 'red end' }).locator('span[style*="color"]')).toHaveText('red')
})

test('a log of 1 GiB opens at its end, jumps, and weighs little', async ({ desk, yard }) => {
  test.setTimeout(240_000)
  // 64 MiB of lines of 64 bytes, sixteen times; its first line is not like the others.
  const row = (n: number) => `${`${String(n).padStart(8, '0')} a line of sixty-four bytes, with its newline`.padEnd(63)}\n`
  const lines = Buffer.from(Array.from({ length: 1 << 20 }, (_, n) => row(n)).join(''))
  expect(lines.length).toBe(64 << 20)
  const file = openSync(at(yard, 'big.log'), 'w')
  for (let n = 0; n < 16; n++) {
    if (n === 0) writeSync(file, `${'the needle in the haystack'.padEnd(63)}\n`)
    writeSync(file, lines, 0, n === 0 ? lines.length - 64 : lines.length)
  }
  closeSync(file)
  const total = 16 << 20
  await desk.goto(page(yard, 'big.log'))
  await expect(desk.locator('.line').last()).toContainText('01048575')
  await expect(desk.locator('.foot')).toContainText('16,777,216 lines', { timeout: 90_000 })
  await expect(line(desk, total)).toBeVisible()
  const before = await busy(desk)
  await desk.getByLabel('Go to line or time').fill('9,000,000')
  await desk.keyboard.press('Enter')
  await expect(line(desk, 9_000_000)).toBeVisible()
  expect((await busy(desk)) - before).toBeLessThan(0.6)
  await expect(desk).toHaveURL(/lines=9000000/)
  // Far up and down by the wheel: pages come and go.
  await desk.mouse.move(600, 400)
  for (let n = 0; n < 60; n++) {
    await desk.mouse.wheel(0, -3000)
    await desk.waitForTimeout(20)
  }
  await expect.poll(() => desk.locator('.line').first().getAttribute('data-line').then(Number)).toBeLessThan(8_999_500)
  // The bar beside it, from one end to the other.
  const bar = desk.getByRole('scrollbar', { name: 'Place in the file' })
  await bar.focus()
  await desk.keyboard.press('Home')
  await expect(line(desk, 1)).toBeVisible()
  await desk.keyboard.press('PageDown')
  await expect.poll(async () => Number(await bar.getAttribute('aria-valuenow'))).toBeGreaterThan(total / 20)
  const { heap, nodes } = await held(desk)
  expect(heap).toBeLessThan(100 << 20)
  expect(nodes).toBeLessThan(2000)
  // Over the whole file; what is found is there before all of it has been looked through.
  await desk.keyboard.press('End')
  await expect(line(desk, total)).toBeVisible()
  await desk.locator('.log-view').press('/')
  await desk.keyboard.type('needle')
  await expect(desk.locator('.search .said')).toContainText('1 hit', { timeout: 60_000 })
  await desk.keyboard.press('Enter')
  await expect(line(desk, 1)).toContainText('the needle in the haystack')
  await expect(desk.locator('.current mark')).toHaveText('needle')
  console.log(`1 GiB: heap ${(heap / 2 ** 20).toFixed(1)} MiB, ${nodes} nodes`)
})

test('a log is searched: hits, only hits with lines around them, marks', async ({ desk, yard }) => {
  writeFileSync(at(yard, 's.log'), `${text(500)}Traceback (most recent call last):\n  File "x.py"\nRuntimeError: CUDA out of memory\n${text(500, 504)}loss=nan\nKilled\n`)
  await desk.goto(page(yard, 's.log'))
  await expect(desk.locator('.line.killed')).toContainText('Killed')
  await expect(desk.locator('.line.nan')).toContainText('loss=nan')
  await desk.getByRole('button', { name: 'Find what went wrong' }).click()
  await desk.getByRole('menuitem', { name: 'Out of GPU memory' }).click()
  await expect(desk.locator('.said')).toHaveText('1 hit')
  await desk.getByRole('button', { name: 'Next hit' }).click()
  await expect(line(desk, 503)).toHaveClass(/current/)
  await desk.getByRole('button', { name: 'Only hits' }).click()
  await expect(desk.locator('.line')).toHaveCount(5)
  await expect(line(desk, 501)).toHaveClass(/traceback/)
  await expect(desk).toHaveURL(/only=1/)
  await desk.reload()
  await expect(desk.locator('.line')).toHaveCount(5)
  // A number of the hits leads to its place in the log.
  await line(desk, 503).locator('.number').click()
  await expect(desk.locator('.line').first()).toBeVisible()
  await expect.poll(() => desk.locator('.line').count()).toBeGreaterThan(20)
  // What is no expression says so.
  await desk.getByRole('button', { name: 'End the search' }).click()
  await desk.locator('.log-view').press('/')
  await desk.keyboard.type('(')
  await desk.getByRole('button', { name: 'Regular expression' }).click()
  await expect(desk.locator('.said')).toContainText('The search could not be done')
})

test('a log that is replaced, and one that is cut, go on below a divider', async ({ desk, yard }) => {
  const path = at(yard, 'r.log')
  writeFileSync(path, text(30))
  await desk.goto(page(yard, 'r.log'))
  await expect(line(desk, 30)).toBeVisible()
  renameSync(path, `${path}.1`)
  writeFileSync(path, 'first of the new\n')
  await expect(desk.locator('.break')).toHaveText(['The file was replaced or cut: it begins anew here'])
  await expect(desk.locator('.line').last()).toContainText('first of the new')
  await expect(desk.locator('.line', { hasText: 'line 30 of' })).toBeVisible()
  appendFileSync(path, 'second of the new\n'.repeat(5))
  await expect(desk.locator('.line', { hasText: 'second' })).toHaveCount(5)
  truncateSync(path, 0)
  appendFileSync(path, 'cut\n')
  await expect(desk.locator('.break')).toHaveCount(2)
  await expect(desk.locator('.line').last()).toContainText('cut')
})

test('a log that is replaced while its end is on the way is shown as it is by then', async ({ desk, yard }) => {
  const path = at(yard, 'late.log')
  writeFileSync(path, text(30))
  const content = async () => (await yard.api('GET', `/log/content?path=${encodeURIComponent(path)}&tail_lines=200&form=lines`)).json() as Promise<{ generation: number }>
  const frames: string[] = []
  desk.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => frames.push(String(payload))))
  await desk.route(/\/api\/log\/content/, async (route) => {
    const before = await content()
    renameSync(path, `${path}.1`)
    writeFileSync(path, 'first of the new\n')
    await expect.poll(async () => (await content()).generation).not.toBe(before.generation)
    const { generation } = await content()
    // The live connection has told, and tells no more.
    await expect.poll(() => frames.some((frame) => frame.includes('late.log') && frame.includes(`"generation":${generation},`))).toBe(true)
    await route.fulfill({ json: before })
  }, { times: 1 })
  await desk.goto(page(yard, 'late.log'))
  await expect(desk.locator('.line').last()).toContainText('first of the new')
})

test('a file that is not there yet is waited for', async ({ desk, yard }) => {
  await desk.goto(page(yard, 'later.log'))
  await expect(desk.getByText('The log is not there yet')).toBeVisible()
  await expect(desk.locator('.where')).toContainText('later.log')
  writeFileSync(at(yard, 'later.log'), 'here it is\n')
  await expect(desk.locator('.line')).toContainText('here it is')
  appendFileSync(at(yard, 'later.log'), 'and on\n')
  await expect(desk.locator('.line').last()).toContainText('and on')
})

test('going up pauses, what is new is counted, one click goes back', async ({ desk, yard }) => {
  writeFileSync(at(yard, 'f.log'), text(1000))
  await desk.goto(page(yard, 'f.log'))
  await expect(line(desk, 1000)).toBeVisible()
  await expect(desk.locator('.foot')).toContainText('Following')
  await desk.mouse.move(600, 400)
  await desk.mouse.wheel(0, -400)
  await expect(desk.locator('.foot')).toContainText('Paused')
  const first = await desk.locator('.line').first().getAttribute('data-line')
  appendFileSync(at(yard, 'f.log'), text(142, 1001))
  await expect(desk.locator('.new')).toHaveText('142 new lines')
  expect(await desk.locator('.line').first().getAttribute('data-line')).toBe(first)
  await desk.locator('.new').click()
  await expect(line(desk, 1142)).toBeVisible()
  await expect(desk.locator('.foot')).toContainText('Following')
  appendFileSync(at(yard, 'f.log'), text(1, 1143))
  await expect(line(desk, 1143)).toBeVisible()
})

test('lines are chosen into the address, copied and downloaded', async ({ desk, yard }) => {
  writeFileSync(at(yard, 'c.log'), text(3000))
  await desk.goto(page(yard, 'c.log', '?lines=1200-1202'))
  await expect(line(desk, 1201)).toHaveClass(/chosen/)
  await line(desk, 1204).locator('.number').click({ modifiers: ['Shift'] })
  await expect(desk).toHaveURL(/lines=1200-1204/)
  await expect(desk.locator('.chosen-bar')).toContainText('Lines 1200-1204')
  await desk.locator('.chosen-bar').getByRole('button', { name: 'Copy', exact: true }).click()
  await expect(desk.getByText('Copied 5 lines')).toBeVisible()
  await desk.getByRole('button', { name: 'Download' }).click()
  const coming = desk.waitForEvent('download')
  await desk.getByRole('menuitem', { name: 'Lines 1200-1204' }).click()
  const stream = await (await coming).createReadStream()
  let got = ''
  for await (const piece of stream) got += String(piece)
  expect(got).toBe(text(5, 1200))
})

test('what is no UTF-8, no text, or a line without end, is shown for what it is', async ({ desk, yard }) => {
  // 训练中 in GBK.
  writeFileSync(at(yard, 'gbk.log'), Buffer.concat([Buffer.from('step 1 '), Buffer.from([0xd1, 0xb5, 0xc1, 0xb7, 0xd6, 0xd0]), Buffer.from('\n')]))
  await desk.goto(page(yard, 'gbk.log'))
  await expect(desk.locator('.line')).toContainText('训练中')
  await expect(desk.locator('.foot')).toContainText('GBK')
  writeFileSync(at(yard, 'bin.log'), Buffer.from([0x61, 0, 1, 2, 7, 0x62, 10]))
  await desk.goto(page(yard, 'bin.log'))
  await expect(desk.locator('.line')).toContainText('a^@^A^B^Gb')
  await expect(desk.locator('.foot')).toContainText('no text')
  writeFileSync(at(yard, 'long.log'), `short\n${'0123456789'.repeat(500_000)}\nend <img src=x onerror=alert(1)>\n`)
  await desk.goto(page(yard, 'long.log'))
  await expect(desk.locator('.line').last()).toContainText('end <img src=x onerror=alert(1)>')
  expect(await desk.locator('.log-rows img').count()).toBe(0)
  await desk.getByRole('button', { name: 'show all 4.8 MiB' }).click()
  const dialog = desk.getByRole('dialog')
  await expect.poll(() => dialog.locator('.long').evaluate((element) => element.textContent?.length)).toBe(5_000_001)
})

test('two logs stand side by side; an attempt is chosen', async ({ desk, yard }) => {
  yard.write('command/command_gpu.txt', block(1, 'echo attempt $GPUYARD_ATTEMPT; test $GPUYARD_ATTEMPT = 2'))
  await yard.api('POST', '/scheduler/single/start?config_index=0')
  await desk.goto(`${yard.url}/logs/mode=single&config_index=0&queue_id=1`)
  await expect(desk.locator('.line', { hasText: 'attempt 2' })).toBeVisible({ timeout: 40_000 })
  await expect(desk.locator('.foot')).toContainText('Exit code 0', { timeout: 30_000 })
  await desk.getByLabel('Attempt').selectOption('1')
  await expect(desk.locator('.line', { hasText: 'attempt 1' })).toBeVisible()
  await expect(desk.locator('.foot')).toContainText('Exit code 1')
  writeFileSync(at(yard, 'beside.log'), 'the other one\n')
  await desk.getByRole('button', { name: 'Another log beside it' }).click()
  await desk.getByLabel('A file').fill(at(yard, 'beside.log'))
  await desk.getByRole('button', { name: 'Open', exact: true }).click()
  await expect(desk.locator('.pane')).toHaveCount(2)
  await expect(desk.locator('.pane').nth(1)).toContainText('the other one')
  await expect(desk.locator('.pane').nth(0)).toContainText('attempt 1')
  await desk.goBack()
  await expect(desk.locator('.pane')).toHaveCount(1)
})

test('the pane can be used by everybody', async ({ desk, yard }) => {
  writeFileSync(at(yard, 'a.log'), `${text(200)}\x1b[33myellow\x1b[0m \x1b[38;2;255;255;0mtrue\x1b[0m \x1b[97;103mboth\x1b[0m http://gpu.lab/\nTraceback (most recent call last):\nloss=nan\n\r1\r2\r3\n`)
  await desk.goto(page(yard, 'a.log', '?lines=195-201&find=line'))
  await expect(desk.locator('mark').first()).toBeVisible()
  await cleanInEveryLook(desk, 'a log with a search')
  await desk.goto(page(yard, 'none.log'))
  await expect(desk.locator('.where')).toBeVisible()
  await cleanInEveryLook(desk, 'a log that is not there')
  await desk.goto(`${yard.url}/logs`)
  await expect(desk.locator('.picker')).toBeVisible()
  await cleanInEveryLook(desk, 'no log')
})

test('the pane is used by keys alone, and fits a phone', async ({ desk, yard }) => {
  writeFileSync(at(yard, 'k.log'), text(5000))
  await desk.setViewportSize({ width: 390, height: 844 })
  await desk.goto(page(yard, 'k.log'))
  await expect(line(desk, 5000)).toBeVisible()
  await desk.keyboard.press('g')
  await expect(line(desk, 1)).toBeVisible()
  await desk.keyboard.press('Shift+G')
  await expect(line(desk, 5000)).toBeVisible()
  await desk.keyboard.press('PageUp')
  await expect(desk.locator('.foot')).toContainText('Paused')
  await desk.keyboard.press(':')
  await desk.keyboard.type('2500-2502')
  await desk.keyboard.press('Enter')
  await expect(line(desk, 2501)).toHaveClass(/chosen/)
  await desk.locator('.log-view').focus()
  await desk.keyboard.press('/')
  await desk.keyboard.type('line 4321')
  await desk.keyboard.press('Enter')
  await expect(desk.locator('.said')).toContainText('1')
  await desk.keyboard.press('Enter')
  await expect(line(desk, 4321)).toHaveClass(/current/)
  expect(await desk.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
})
