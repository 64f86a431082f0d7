// axe on Commands, Rules and Settings and their dialogs, in both languages and both themes.
import type { Page } from '@playwright/test'
import { clean, look, LOOKS } from './axe'
import { block, expect, test } from './yard'

async function everyLook(page: Page, where: string): Promise<void> {
  for (const one of LOOKS) {
    await look(page, one)
    await clean(page, `${where} in ${one.join(', ')}`)
  }
  await look(page, LOOKS[0])
}

test('Commands: rows unfolded, changed and selected, paste, diff, move, conflict, text, versions', async ({ desk, yard }) => {
  test.setTimeout(300_000)
  const FILE = 'command/command_gpus.txt'
  yard.write(FILE, block(1, 'python a.py', 4, 2) + block(1, 'python b.py', 8, 1) + block(2, 'python c.py', 4, 4))
  await desk.goto(`${yard.url}/command?mode=multi&open=1,1.1,2`)
  await desk.locator('[data-row="q1.1"] textarea').waitFor()
  await everyLook(desk, 'unfolded')
  await desk.locator('[data-row="q1.2"] .figures input').last().fill('12')
  await desk.locator('[data-row="q2"]').getByRole('checkbox').check()
  await everyLook(desk, 'changed and selected')
  for (const name of ['Paste lines', 'Diff', 'Move to queue…']) {
    await desk.getByRole('button', { name }).click()
    await expect(desk.getByRole('dialog')).toBeVisible()
    await everyLook(desk, name)
    await desk.keyboard.press('Escape')
    await expect(desk.getByRole('dialog')).toBeHidden()
  }
  yard.write(FILE, block(1, 'python a.py', 4, 2) + block(1, 'python b.py', 9, 1))
  await desk.getByRole('button', { name: 'Compare' }).click()
  await expect(desk.getByRole('dialog')).toContainText('Both of you changed 1 task')
  await everyLook(desk, 'conflict')
  await desk.getByRole('dialog').getByRole('button', { name: 'Take theirs' }).click()
  await desk.getByRole('button', { name: 'Text', exact: true }).click()
  await desk.getByLabel('The file as text').click()
  await desk.keyboard.press('Control+End')
  await desk.keyboard.type('oops\n')
  await expect(desk.getByRole('button', { name: /^line / })).toBeVisible()
  await everyLook(desk, 'text')
  await desk.getByRole('button', { name: 'Diff' }).click()
  await everyLook(desk, 'text diff')
  await desk.keyboard.press('Escape')
})

test('Rules and Settings, and their dialogs', async ({ desk, yard }) => {
  test.setTimeout(300_000)
  yard.write('command/command_gpu.txt', block(1, 'sleep 5', 4) + block(2, 'sleep 5', 400))
  desk.on('dialog', (dialog) => void dialog.accept())
  await desk.goto(`${yard.url}/rule`)
  await desk.locator('[data-take]').waitFor()
  await desk.locator('[data-field="use_all_gpus"]').getByRole('switch').click()
  await desk.locator('[data-field="max_gpu"] input').fill('x')
  await desk.keyboard.press('Control+s')
  await desk.locator('[data-field="max_gpu"]').getByRole('alert').waitFor()
  await everyLook(desk, 'rules')
  await desk.getByRole('button', { name: 'Diff' }).click()
  await everyLook(desk, 'rules diff')
  await desk.goto(`${yard.url}/setting`)
  await desk.locator('[data-field="port"] input').fill('29999')
  await everyLook(desk, 'settings')
  await desk.getByRole('button', { name: 'Change the key' }).click()
  await everyLook(desk, 'secret')
})
