// axe on the GPU, process and status pages and their dialogs, in both languages and both themes.
import { cleanInEveryLook } from './axe'
import { Stand, onGpu } from './stand'
import { block, expect, test } from './yard'

const stand = new Stand()
test.afterEach(() => stand.clear())
test.use({ laid: { gpus: '6x24GiB', simulation: {} } })

test('nothing to complain about', async ({ desk: page, yard }) => {
  test.setTimeout(240_000)
  const [one, two] = [await stand.in(), await stand.in(true)]
  yard.simulate({
    processes: [onGpu(one, 0, '20GiB'), onGpu(two, 1)],
    gpus: { 0: { utilization: 95, temperature: null }, 1: { utilization: 75 }, 4: { utilization: null }, 2: { lost: 'fell off the bus' }, 3: { processes_unknown: true } },
  })
  yard.write('command/command_gpu.txt', block(1, 'exec sleep 900', 1) + block(1, 'true') + block(2, 'exit 3') + block(3, 'true') + block(4, 'true', 99))
  yard.write('command/command_gpu_1.txt', block(1, 'true'))
  for (const index of [0, 1]) await yard.api('POST', `/scheduler/single/start?config_index=${index}`)

  await page.goto(`${yard.url}/gpu`)
  await expect(page.locator('.gpu')).toHaveCount(6)
  await expect(page.locator('[data-gpu="4"]').getByText('Not reported')).toBeAttached()
  await cleanInEveryLook(page, '/gpu')
  await page.locator('[data-gpu="0"]').getByRole('button', { name: 'Look into GPU 0' }).click()
  await expect(page.getByRole('dialog').locator('tr[data-pid]')).toHaveCount(1)
  await cleanInEveryLook(page, 'the dialog of a GPU')
  await page.getByRole('button', { name: /^End process/ }).click()
  await expect(page.getByRole('dialog', { name: 'End this process?' })).toBeVisible()
  await cleanInEveryLook(page, 'the question before an end')

  await page.goto(`${yard.url}/processes`)
  await expect(page.locator('tbody tr')).toHaveCount(2)
  await cleanInEveryLook(page, '/processes')

  await page.goto(`${yard.url}/state`)
  await expect(page.locator('.task').first().getByText('Running')).toBeVisible()
  await cleanInEveryLook(page, '/state')
  await page.locator('[data-config=single_0]').getByRole('button', { name: 'Stop', exact: true }).click()
  await expect(page.getByRole('alertdialog')).toBeVisible()
  await cleanInEveryLook(page, 'the question before a stop')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Control+k')
  await page.keyboard.type('s')
  await expect(page.getByRole('option').first()).toBeVisible()
  await cleanInEveryLook(page, 'the palette')
  await page.keyboard.press('Escape')
  await page.keyboard.press('?')
  await expect(page.getByRole('dialog', { name: 'Keys' })).toBeVisible()
  await cleanInEveryLook(page, 'the keys')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Log out' }).click()
  await expect(page.getByRole('dialog', { name: 'Log in to gpuyard' })).toBeVisible()
  await cleanInEveryLook(page, 'the login over a page')
  await page.goto(`${yard.url}/login`)
  await cleanInEveryLook(page, '/login')
})

test('nothing to complain about before anything has come', async ({ desk: page, yard }) => {
  test.setTimeout(240_000)
  await page.routeWebSocket(/\/api\/ws/, () => {})
  await page.route(/\/api\/(?!auth|health)/, () => new Promise(() => {}))
  for (const path of ['/gpu', '/processes', '/command', '/state', '/state?tab=past', '/tasks', '/tasks/1', '/rule', '/setting', '/logs', '/logs/path=%2Fx.log']) {
    await page.goto(`${yard.url}${path}`)
    await expect(page.getByRole('heading', { level: 1 })).toBeAttached()
    await cleanInEveryLook(page, `${path}, where nothing has come`)
  }
})

test.describe('a machine without GPUs', () => {
  test.use({ laid: { simulation: { error: 'the driver went away' } } })
  test('has nothing to complain about', async ({ desk: page, yard }) => {
    for (const path of ['/gpu', '/processes', '/tasks/new', '/rule']) {
      await page.goto(`${yard.url}${path}`)
      await expect(page.getByRole('heading', { level: 1 })).toBeAttached()
      await cleanInEveryLook(page, `${path}, where no GPU is`)
    }
  })
})
