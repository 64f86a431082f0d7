// Is a card free for me, and who holds the others?
import { Stand, onGpu } from './stand'
import { expect, test } from './yard'

const stand = new Stand()
test.afterEach(() => stand.clear())

test.describe('a host with four GPUs', () => {
  test.use({ laid: { simulation: {} } })

  test('the answer stands above, can be copied, and follows what happens', async ({ desk: page, yard }) => {
    const pid = await stand.in()
    yard.simulate({ processes: [onGpu(pid, 0), onGpu(pid, 1)], gpus: { 0: { utilization: 91, temperature: null } } })
    await page.goto(`${yard.url}/gpu`)
    await expect(page.getByRole('heading', { name: 'GPU 2 and 3 are free' })).toBeVisible()
    await expect(page.getByText('CUDA_VISIBLE_DEVICES=2,3')).toBeVisible()
    await page.getByRole('button', { name: 'Copy for a shell' }).click()
    await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible()
    // On a plain-HTTP name there is no clipboard to read: what was copied is pasted.
    await page.keyboard.press('Control+k')
    await expect(page.getByRole('dialog', { name: 'Search and actions' })).toBeVisible()
    await page.keyboard.press('Control+v')
    await expect(page.getByRole('dialog').getByRole('textbox')).toHaveValue('export CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=2,3')
    await page.keyboard.press('Escape')

    const card = page.locator('[data-gpu="0"]')
    await expect(card.getByText('91%')).toBeVisible()
    await expect(card.getByText('4 GiB').first()).toBeVisible()
    // What is not reported is a dash with its reason.
    await expect(card.getByText('This GPU reports no temperature')).toBeAttached()

    yard.simulate({ processes: [], gpus: { 3: { lost: 'fell off the bus' } } })
    await expect(page.getByRole('heading', { name: 'GPU 0, 1 and 2 are free' })).toBeVisible()
    await expect(page.locator('[data-gpu="3"]').getByText('Fallen off the bus')).toBeVisible()
  })

  test('no GPU is free: the one with the most room is named', async ({ desk: page, yard }) => {
    const pid = await stand.in()
    yard.simulate({ processes: [onGpu(pid, 0, '20GiB'), onGpu(pid, 1, '20GiB'), onGpu(pid, 2, '5GiB'), onGpu(pid, 3, '20GiB')] })
    await page.goto(`${yard.url}/gpu`)
    await expect(page.getByRole('heading', { name: 'No GPU is free' })).toBeVisible()
    await expect(page.getByText('Most room: GPU 2, 19 GiB free')).toBeVisible()
  })
})

test.describe('sixteen GPUs', () => {
  test.use({ laid: { gpus: '16x80GiB' } })
  test('fit on one screen', async ({ desk: page, yard }) => {
    await page.goto(`${yard.url}/gpu`)
    await expect(page.locator('.gpu')).toHaveCount(16)
    expect(await page.evaluate(() => document.documentElement.scrollHeight - innerHeight)).toBeLessThanOrEqual(0)
  })
})

test.describe('no GPU', () => {
  test.use({ laid: { simulation: { error: 'the driver went away' } } })
  test('is said kindly, with what to do', async ({ desk: page, yard }) => {
    await page.goto(`${yard.url}/gpu`)
    await expect(page.getByText('No supported GPU found')).toBeVisible()
    await expect(page.getByText('gpuyard check', { exact: true })).toBeVisible()
  })
})

test.describe('GPUs that can no longer be read', () => {
  test.use({ laid: { simulation: {} } })
  test('are called neither free nor idle', async ({ desk: page, yard }) => {
    await page.goto(`${yard.url}/gpu`)
    await expect(page.getByRole('heading', { name: 'GPU 0, 1, 2 and 3 are free' })).toBeVisible()
    yard.simulate({ error: 'the driver went away' })
    await expect(page.getByRole('heading', { name: 'Nobody knows which GPUs are free' })).toBeVisible()
    await expect(page.getByRole('status').filter({ hasText: 'The GPUs cannot be read' })).toContainText('the driver went away')
    await page.getByRole('link', { name: 'Processes', exact: true }).click()
    await expect(page.getByText('No GPU process was running then')).toBeVisible()
    yard.simulate({})
    await expect(page.getByText('No GPU process is running')).toBeVisible()
  })
})
