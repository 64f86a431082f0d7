// On a phone: nothing is wider than the screen.
import { Stand, onGpu } from './stand'
import { block, expect, test } from './yard'

const stand = new Stand()
test.afterEach(() => stand.clear())
test.use({ laid: { gpus: '8x80GiB', simulation: {} }, viewport: { width: 390, height: 844 }, hasTouch: true })

test('no page scrolls sideways', async ({ desk: page, yard }) => {
  const pid = await stand.in()
  yard.simulate({ processes: [onGpu(pid, 0), onGpu(pid, 1), onGpu(pid, 2)], gpus: { 5: { lost: 'GPU is lost: it has fallen off the bus and nobody knows when it comes back' } } })
  yard.write('command/command_gpu.txt', block(1, `GPUYARD_SIMULATED_MEMORY=4GiB bash -c 'exec sleep 900' # --with ${'a-very-long-argument-that-has-no-space-'.repeat(8)}`) + block(2, 'false'))
  await yard.api('POST', '/scheduler/single/start?config_index=0')
  const overhang = () => page.evaluate(() => {
    const inside = [...document.querySelectorAll('.dialog-body')].map((body) => body.scrollWidth - body.clientWidth)
    return Math.max(document.documentElement.scrollWidth - innerWidth, ...inside)
  })
  const narrow = (where: string) => expect.poll(overhang, where).toBeLessThanOrEqual(0)
  for (const language of ['en', 'zh-CN']) {
    await page.addInitScript((language) => localStorage.setItem('gpuyard.language', JSON.stringify(language)), language)
    for (const [path, seen] of [['/gpu', '.gpu'], ['/gpu?gpu=0', '[role=dialog] tr[data-pid]'], ['/processes', 'tbody tr'], ['/state', '.task'], ['/login', 'form, .gpu'], ['/nowhere', 'main']] as const) {
      await page.goto(`${yard.url}${path}`)
      await expect(page.locator(seen).first()).toBeVisible()
      await narrow(`${path} in ${language}`)
    }
  }
  // What was made for a wide screen fits a narrow one: the phone is turned.
  await page.goto(`${yard.url}/gpu?gpu=0`)
  await expect(page.locator('[role=dialog] .u-over')).toBeVisible()
  await page.setViewportSize({ width: 844, height: 390 })
  await expect.poll(async () => (await page.locator('[role=dialog] .u-over').boundingBox())?.width).toBeGreaterThan(600)
  await page.setViewportSize({ width: 390, height: 844 })
  await narrow('a GPU, the phone turned back')
  await expect.poll(async () => (await page.locator('[role=dialog] .u-over').boundingBox())?.width).toBeLessThan(390)
})
