// axe on the dialogs, questions and menus that the stories of the pages pass by, in both languages and both themes.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { clean, look, LOOKS } from './axe'
import { onGpu, Stand } from './stand'
import { block, expect, test } from './yard'

const FILE = 'command/command_gpu.txt'
const stand = new Stand()
// A look at what stands still: colours that change on their way are nobody's.
test.use({ contextOptions: { reducedMotion: 'reduce' } })
test.afterEach(() => stand.clear())

async function everyLook(page: Page, where: string): Promise<void> {
  for (const one of LOOKS) {
    await look(page, one)
    await clean(page, `${where} in ${one.join(', ')}`)
  }
  await look(page, LOOKS[0])
}

test('Commands: menus, older versions, reset, delete, form and text', async ({ desk: page, yard }) => {
  test.setTimeout(120_000)
  for (const memory of [4, 5, 6]) {
    await yard.api('PUT', '/commands/single/text?config_index=0', { text: block(1, 'echo one', memory) + block(2, 'sleep 900', 4) })
  }
  await yard.api('POST', '/commands/single/new')
  await page.goto(`${yard.url}/command`)
  const config = (index: number) => page.locator(`[data-config="single_${index}"] > header`)
  const more = (index: number) => config(index).getByRole('button', { name: /More for/ }).click()
  const question = page.getByRole('alertdialog')

  await more(0)
  await expect(page.getByRole('menuitem', { name: 'Older versions' })).toBeVisible()
  await everyLook(page, 'the menu of a config')
  await page.getByRole('menuitem', { name: 'Older versions' }).click()
  await expect(page.getByRole('dialog').getByRole('row').first()).toBeVisible()
  await everyLook(page, 'older versions')
  await page.keyboard.press('Escape')
  await more(0)
  await page.getByRole('menuitem', { name: /Reset to backup/ }).click()
  await expect(question).toBeVisible()
  await everyLook(page, 'the question before a reset')
  await page.keyboard.press('Escape')
  await more(1)
  await page.getByRole('menuitem', { name: /Delete config/ }).click()
  await expect(question).toBeVisible()
  await everyLook(page, 'the question before a config is deleted')
  await page.keyboard.press('Escape')
  await page.locator('[data-row="q1"]').getByRole('button', { name: /More/ }).click()
  await expect(page.getByRole('menu')).toBeVisible()
  await everyLook(page, 'the menu of a queue')
  await page.keyboard.press('Escape')

  await page.locator('[data-row="q1.1"] .figures input').last().fill('7')
  await config(0).getByText('Text', { exact: true }).click()
  await expect(question).toBeVisible()
  await everyLook(page, 'the question before form becomes text')
  await question.getByRole('button', { name: 'Save' }).click()
  await page.getByLabel('The file as text').click()
  await page.keyboard.press('Control+End')
  await page.keyboard.type('oops\n')
  yard.write(FILE, block(1, 'echo one', 8))
  await page.getByRole('button', { name: 'Compare' }).click()
  await expect(page.getByRole('dialog')).toBeVisible()
  await everyLook(page, 'two versions of the text')
  await page.getByRole('dialog').getByRole('button', { name: 'Keep mine' }).click()
  await expect(question).toContainText('Save with errors?')
  await everyLook(page, 'the question before text with errors is saved')
  await page.keyboard.press('Escape')
})

test('State and tasks: menus, and the questions before one task ends', async ({ desk: page, yard }) => {
  test.setTimeout(120_000)
  yard.write(FILE, block(1, 'exec sleep 900', 1) + block(1, 'true'))
  await yard.api('POST', '/scheduler/single/start?config_index=0')
  await page.goto(`${yard.url}/state`)
  await expect(page.locator('.task').first().getByText('Running')).toBeVisible()
  const question = page.getByRole('alertdialog')
  await page.getByRole('button', { name: 'More for Single GPU · config 1' }).click()
  await expect(page.getByRole('menu')).toBeVisible()
  await everyLook(page, 'the menu of a run')
  await page.keyboard.press('Escape')
  await page.locator('.task').first().getByRole('button', { name: 'Stop this task' }).click()
  await expect(question).toBeVisible()
  await everyLook(page, 'the question before a task is stopped')
  await page.keyboard.press('Escape')

  await yard.api('POST', '/tasks', { command: 'sleep 900', name: 'runs' })
  await yard.api('POST', '/tasks', { command: 'sleep 900', name: 'waits', gpu_count: 4 })
  await page.goto(`${yard.url}/tasks`)
  await expect(page.locator('.task', { hasText: 'runs' }).getByText('Running')).toBeVisible()
  for (const box of await page.locator('.task').getByRole('checkbox').all()) await box.check()
  await everyLook(page, 'tasks that are selected')
  await page.getByRole('button', { name: 'Cancel 2' }).click()
  await expect(question).toBeVisible()
  await everyLook(page, 'the question before tasks are cancelled')
  await page.keyboard.press('Escape')
})

test('Rules and settings that two have changed', async ({ desk: page, yard }) => {
  test.setTimeout(120_000)
  page.on('dialog', (dialog) => void dialog.accept())
  await page.goto(`${yard.url}/rule`)
  await page.locator('[data-field="max_gpu"] input').fill('3')
  await yard.api('PUT', '/config', { max_gpu: 5 })
  await page.getByRole('button', { name: 'Compare' }).click()
  await expect(page.getByRole('dialog')).toContainText('both changed')
  await everyLook(page, 'rules that two have changed')
  await page.getByRole('dialog').getByRole('button', { name: 'Take theirs' }).click()
})

test.describe('with processes', () => {
  test.use({ laid: { simulation: {} } })
  test('what became of processes that were to end; the whole of a long line; two logs', async ({ desk: page, yard }) => {
    test.setTimeout(120_000)
    const [heeds, deaf] = [await stand.in(), await stand.in(true)]
    yard.simulate({ processes: [onGpu(heeds, 0), onGpu(deaf, 1)] })
    await page.goto(`${yard.url}/processes`)
    await expect(page.locator('tbody tr')).toHaveCount(2)
    for (const box of await page.locator('tbody').getByRole('checkbox').all()) await box.check()
    await page.getByRole('button', { name: 'End chosen (2)' }).click()
    await everyLook(page, 'the question before two processes end')
    await page.getByRole('dialog').getByRole('button', { name: /^End/ }).click()
    await expect(page.getByRole('dialog').getByRole('button', { name: /KILL/ }).first()).toBeVisible({ timeout: 30_000 })
    await everyLook(page, 'what became of processes')
    await page.keyboard.press('Escape')

    const log = join(yard.root, 'long.log')
    writeFileSync(log, `${'x'.repeat(100_000)}\nlast\n`)
    await page.goto(`${yard.url}/logs/path=${encodeURIComponent(log)}`)
    await page.getByRole('button', { name: /^show all/ }).click()
    await expect(page.getByRole('dialog')).toBeVisible()
    await everyLook(page, 'the whole of a line')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Another log beside it' }).click()
    await everyLook(page, 'another log beside it')
  })
})
