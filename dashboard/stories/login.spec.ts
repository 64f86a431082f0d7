// Can I get in?
import { expect, SECRET, test } from './yard'

test.beforeEach(async ({ page }) => {
  await page.addInitScript(() => localStorage.getItem('gpuyard.language') ?? localStorage.setItem('gpuyard.language', '"en"'))
})

test('a wrong key is refused in words, the right one leads to the page that was asked for, and logging out ends it', async ({ page, yard }) => {
  await page.goto(`${yard.url}/login?to=/state`)
  const key = page.getByLabel('Access key', { exact: true })
  await expect(key).toBeFocused()
  await key.fill('not-the-key')
  await page.getByRole('button', { name: 'Log in' }).click()
  await expect(page.getByText('Wrong key.')).toBeVisible()
  await expect(key).toHaveAttribute('type', 'password')
  await page.getByRole('button', { name: 'Show the key' }).click()
  await expect(key).toHaveAttribute('type', 'text')
  await key.fill(SECRET)
  await key.press('Enter')
  await expect(page).toHaveURL(/\/ui\/state$/)
  await expect(page.locator('[data-state=live]')).toBeVisible()
  expect(await page.context().cookies()).toEqual([])

  await page.getByRole('button', { name: 'Log out' }).click()
  await expect(page.getByRole('dialog', { name: 'Log in to gpuyard' })).toBeVisible()
  // The page stays below it, and comes back as it was.
  await page.getByLabel('Access key', { exact: true }).fill(SECRET)
  await page.keyboard.press('Enter')
  await expect(page.getByRole('dialog')).toHaveCount(0)
  await expect(page.locator('[data-state=live]')).toBeVisible()
})

test('an address from outside is not followed', async ({ page, yard }) => {
  await page.goto(`${yard.url}/login?to=//example.org/x`)
  await page.getByLabel('Access key', { exact: true }).fill(SECRET)
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/\/ui\/gpu$/)
})

test('a daemon that is down is said to be, with the command that starts it', async ({ page, yard }) => {
  await page.goto(`${yard.url}/login`)
  await expect(page.getByLabel('Access key', { exact: true })).toBeVisible()
  await yard.kill()
  await page.getByLabel('Access key', { exact: true }).fill(SECRET)
  await page.keyboard.press('Enter')
  await expect(page.getByText('The daemon does not answer')).toBeVisible()
  await expect(page.getByText('./run.sh')).toBeVisible()
  await yard.serve()
  await page.getByRole('button', { name: 'Log in' }).click()
  await expect(page).toHaveURL(/\/ui\/gpu$/)
})

test.describe('without a secret', () => {
  // As root, which tests may be, a daemon without a secret starts only when it is told to.
  test.use({ laid: { secret: '', settings: 'allow-anonymous: true\n' } })
  test('the login is skipped', async ({ page, yard }) => {
    await page.goto(`${yard.url}/login`)
    await expect(page).toHaveURL(/\/ui\/gpu$/)
    await expect(page.locator('[data-state=live]')).toBeVisible()
  })
})
