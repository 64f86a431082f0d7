// Who uses what, and what can I end? Ended in part, and tried again.
import { Stand, onGpu } from './stand'
import { block, expect, test } from './yard'

const stand = new Stand()
test.afterEach(() => stand.clear())
test.use({ laid: { simulation: {} } })

test('processes are searched, sorted, chosen and ended; what does not heed TERM is ended by KILL', async ({ desk: page, yard }) => {
  const [heeds, deaf, other] = [await stand.in(), await stand.in(true), await stand.in()]
  // The last one has ended, and its pid would be somebody else's.
  yard.simulate({ processes: [onGpu(heeds, 0, '3GiB'), onGpu(deaf, 1, '9GiB'), onGpu(deaf, 2, '9GiB'), { ...onGpu(other, 3, '1GiB'), start_ticks: 77 }] })
  await page.goto(`${yard.url}/processes`)
  const row = (pid: number) => page.locator(`tr[data-pid="${pid}"]`)
  await expect(page.locator('tbody tr')).toHaveCount(3)
  // On two GPUs it is one process, with all its memory.
  await expect(row(deaf).locator('.gpu')).toContainText('1, 2')
  await expect(row(deaf).getByText('18 GiB')).toBeVisible()

  await page.getByRole('button', { name: 'GPU memory' }).click()
  await expect(page).toHaveURL(/sort=memory\.desc/)
  await expect(page.locator('tbody tr').first()).toHaveAttribute('data-pid', String(deaf))
  await page.keyboard.press('/')
  await page.keyboard.type(String(heeds))
  await expect(page.locator('tbody tr')).toHaveCount(1)
  await page.getByLabel('Search processes').fill('no such thing')
  await expect(page.getByText('No process fits “no such thing”')).toBeVisible()
  await page.getByRole('button', { name: 'Show all' }).click()

  await page.getByRole('checkbox', { name: 'Choose all' }).check()
  await page.getByRole('button', { name: 'End chosen (3)' }).click()
  const dialog = page.getByRole('dialog')
  await expect(dialog.getByRole('heading', { name: 'End 3 processes?' })).toBeVisible()
  await expect(dialog.getByText('What they have not saved is lost.')).toBeVisible()
  await dialog.getByRole('button', { name: 'End 3 processes' }).click()

  const outcome = (pid: number) => dialog.locator(`li[data-pid="${pid}"]`)
  await expect(outcome(heeds)).toHaveAttribute('data-code', 'ended')
  await expect(outcome(deaf)).toHaveAttribute('data-code', 'still_there')
  await expect(outcome(other)).toHaveAttribute('data-code', /gone|reused/)
  await expect(dialog.getByRole('heading', { name: '1 of 3 have not ended' })).toBeVisible()
  await dialog.getByRole('button', { name: 'Try again with KILL' }).click()
  await expect(outcome(deaf)).toHaveAttribute('data-code', 'ended')
  await expect(dialog.getByRole('heading', { name: 'All have ended' })).toBeVisible()
  await dialog.getByRole('button', { name: 'Close' }).last().click()
  // The stranger with that pid lives.
  expect(() => process.kill(other, 0)).not.toThrow()
})

test('a task of ours is ended by its scheduler, which is said before', async ({ desk: page, yard }) => {
  yard.write('command/command_gpu.txt', block(1, `GPUYARD_SIMULATED_MEMORY=4GiB bash -c 'exec sleep 900'`))
  await yard.api('POST', '/scheduler/single/start?config_index=0')
  await page.goto(`${yard.url}/gpu?gpu=0`)
  const details = page.getByRole('dialog', { name: 'GPU 0' })
  await expect(details.getByRole('link', { name: 'Single GPU 1 · queue 1 · task 1' })).toBeVisible()
  await details.getByRole('button', { name: /^End process/ }).click()
  const question = page.getByRole('dialog', { name: 'End this process?' })
  await expect(question.locator('.note')).toBeVisible()
  await question.getByRole('button', { name: 'End it' }).click()
  const done = page.getByRole('dialog', { name: 'All have ended' })
  await expect(done.locator('li')).toHaveAttribute('data-code', /task_stop/)
  await done.getByRole('button', { name: 'Close' }).last().click()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('heading', { name: /GPU 0, 1, 2 and 3 are free/ })).toBeVisible()
})

test('no process, and none that may be seen, are said in words', async ({ desk: page, yard }) => {
  await page.goto(`${yard.url}/processes`)
  await expect(page.getByText('No GPU process is running')).toBeVisible()
  yard.simulate({ gpus: Object.fromEntries([0, 1, 2, 3].map((gpu) => [gpu, { processes_unknown: true }])) })
  await expect(page.getByText('Not permitted to see the processes')).toBeVisible()
})

test('at most twenty are ended at once', async ({ desk: page, yard }) => {
  const pids = await Promise.all(Array.from({ length: 22 }, () => stand.in()))
  yard.simulate({ processes: pids.map((pid, at) => onGpu(pid, at % 4, '100MiB')) })
  await page.goto(`${yard.url}/processes`)
  await expect(page.locator('tbody tr')).toHaveCount(22)
  await page.getByRole('checkbox', { name: 'Choose all' }).check()
  await expect(page.getByRole('button', { name: 'End chosen (20)' })).toBeVisible()
  await expect(page.getByRole('checkbox', { name: /^Choose process/, checked: false }).first()).toBeDisabled()
})
