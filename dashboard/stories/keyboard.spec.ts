// All of it with the keyboard alone: log in, look, find, start, stop, end a process.
import { Stand, onGpu } from './stand'
import { block, expect, logIn, SECRET, test } from './yard'

const stand = new Stand()
test.afterEach(() => stand.clear())
test.use({ laid: { simulation: {} } })

test('no mouse is needed', async ({ page, yard }) => {
  const pid = await stand.in()
  yard.simulate({ processes: [onGpu(pid, 0)] })
  yard.write('command/command_gpu.txt', block(1, `GPUYARD_SIMULATED_MEMORY=4GiB bash -c 'exec sleep 900'`))
  // Once, so that there is a scheduler to start again.
  await yard.api('POST', '/scheduler/single/start?config_index=0')
  await yard.api('POST', '/scheduler/single/stop?config_index=0')
  await page.addInitScript(() => localStorage.setItem('gpuyard.language', '"en"'))
  const press = (key: string) => page.keyboard.press(key)
  const focused = page.locator(':focus')

  await page.goto(yard.url)
  await expect(page.getByLabel('Access key', { exact: true })).toBeFocused()
  await page.keyboard.type(SECRET)
  await press('Enter')
  await expect(page.getByRole('heading', { name: 'GPU 1, 2 and 3 are free' })).toBeVisible()

  await press('?')
  await expect(page.getByRole('dialog', { name: 'Keys' })).toBeVisible()
  await press('Escape')

  // The palette starts the scheduler, and finds its task.
  await press('Control+k')
  await page.keyboard.type('start single')
  await expect(page.getByRole('option', { name: /^Start Single GPU · config 1/ })).toBeVisible()
  await press('Enter')
  await expect(page.getByText('Single GPU · config 1 has started')).toBeVisible()
  await press('Control+k')
  await page.keyboard.type('state')
  await press('Enter')
  await expect(page).toHaveURL(/\/ui\/state/)
  await expect(page.locator('.task').getByText('Running')).toBeVisible()
  // Tab by tab to the button that stops it.
  for (let tabs = 0; tabs < 40 && !(await focused.filter({ hasText: /^Stop$/ }).count()); tabs++) await press('Tab')
  await press('Enter')
  await expect(page.getByRole('alertdialog')).toBeVisible()
  await expect(focused).toHaveText('Cancel')
  await press('Tab')
  await press('Enter')
  await expect(page.locator('.run').getByText('Stopped')).toBeVisible()

  await press('2')
  await expect(page).toHaveURL(/\/ui\/processes/)
  await expect(page.locator(`tr[data-pid="${pid}"]`)).toBeVisible()
  await press('/')
  await page.keyboard.type(String(pid))
  await press('Escape')
  for (let tabs = 0; tabs < 40 && !(await focused.and(page.getByRole('button', { name: `End process ${pid}` })).count()); tabs++) await press('Tab')
  await press('Enter')
  await expect(page.getByRole('dialog', { name: 'End this process?' })).toBeVisible()
  for (let tabs = 0; tabs < 20 && !(await focused.filter({ hasText: 'End it' }).count()); tabs++) await press('Tab')
  await press('Enter')
  await expect(page.getByRole('dialog', { name: 'All have ended' })).toBeVisible()
  await press('Escape')
  await expect(page.getByRole('dialog')).toHaveCount(0)
})

test('what is typed before the palette has come stands in it, and what is typed then goes on behind it', async ({ page, yard }) => {
  await logIn(page, yard)
  let come = () => {}
  const held = new Promise<void>((done) => (come = done))
  await page.route(/CommandPalette.*\.js/, async (route) => {
    await held
    await route.continue()
  })
  await page.goto(`${yard.url}/gpu`)
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
  const asked = page.waitForRequest(/CommandPalette.*\.js/)
  await page.keyboard.press('Control+k')
  await asked
  await page.keyboard.type('sex')
  await page.keyboard.press('Backspace')
  await page.keyboard.type('t')
  come()
  const field = page.getByRole('dialog').getByRole('textbox')
  await expect(field).toBeFocused()
  await page.keyboard.type('tings')
  await expect(field).toHaveValue('settings')
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/\/ui\/setting$/)
})
