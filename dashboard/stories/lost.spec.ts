// The daemon goes and comes back; many tabs look on. How soon, by the page's clock, src/api/socket.test.ts says.
import { block, expect, logIn, test } from './yard'

test('a lost daemon is said, what was seen stays, and it comes back by itself', async ({ desk: page, yard }) => {
  yard.write('command/command_gpu.txt', block(1, 'exec sleep 900'))
  await yard.api('POST', '/scheduler/single/start?config_index=0')
  await page.goto(`${yard.url}/state`)
  await expect(page.locator('.task').getByText('Running')).toBeVisible()
  await yard.kill()
  await page.getByLabel('Filter tasks').fill('a draft of a filter')
  await expect(page.getByText(/The connection is lost: what you see is from/)).toBeVisible({ timeout: 30_000 })
  await expect(page.locator('.content.stale')).toBeVisible()
  await yard.serve()
  // Logins outlive the daemon: nobody is asked for the key again.
  await expect(page.locator('[data-state=live]')).toBeVisible()
  await expect(page.getByRole('dialog')).toHaveCount(0)
  await expect(page.getByLabel('Filter tasks')).toHaveValue('a draft of a filter')
  await expect(page.getByText(/The connection is lost/)).toHaveCount(0)
})

test('a key that was changed while the daemon was down lays the login over the page, and the page stays as it was', async ({ page, yard }) => {
  await logIn(page, yard)
  await page.goto(`${yard.url}/state`)
  await expect(page.locator('[data-state=live]')).toBeVisible()
  await page.getByLabel('Filter tasks').fill('a draft of a filter')
  await yard.kill()
  await yard.serve('another-secret-for-stories-that-nobody-guesses')
  await page.getByLabel('Access key', { exact: true }).fill('another-secret-for-stories-that-nobody-guesses')
  await page.keyboard.press('Enter')
  await expect(page.locator('[data-state=live]')).toBeVisible()
  await expect(page.getByLabel('Filter tasks')).toHaveValue('a draft of a filter')
})

test('a daemon that hangs is found out by its silence', async ({ desk: page, yard }) => {
  await page.goto(`${yard.url}/gpu`)
  await expect(page.locator('[data-state=live]')).toBeVisible()
  await yard.kill('SIGSTOP')
  await expect(page.getByText(/The connection is lost/)).toBeVisible({ timeout: 30_000 })
  yard.signal('SIGCONT')
  await expect(page.locator('[data-state=live]')).toBeVisible()
})

test('twelve tabs are live at once', async ({ context, yard }) => {
  const tabs = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const page = await context.newPage()
      await logIn(page, yard)
      await page.goto(`${yard.url}/gpu`)
      return page
    }),
  )
  for (const tab of tabs) {
    await expect(tab.locator('[data-state=live]')).toBeVisible()
    await expect(tab.locator('.gpu')).toHaveCount(4)
  }
})
