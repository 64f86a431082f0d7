// Stories of ad-hoc tasks, against the real daemon.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { cleanInEveryLook } from './axe'
import { expect, test, type Yard } from './yard'

/** A stand-in for conda, as its conda.sh is sourced: activating puts the environment's bin first. */
function conda(yard: Yard): string {
  const base = join(yard.root, 'miniconda3')
  for (const folder of ['etc/profile.d', 'envs/pt212/bin']) mkdirSync(join(base, folder), { recursive: true })
  writeFileSync(join(base, 'etc/profile.d/conda.sh'), `conda() { [ "$1" = activate ] && export CONDA_DEFAULT_ENV=$2 PATH="${base}/envs/$2/bin:$PATH"; }\n`)
  const python = `#!/bin/bash\necho "env $CONDA_DEFAULT_ENV in $PWD on GPU $CUDA_VISIBLE_DEVICES"\nfor n in $(seq 1 $3); do printf '\\r%d/%d' $n $3; sleep 0.1; done\necho\necho trained\n`
  writeFileSync(join(base, 'envs/pt212/bin/python'), python, { mode: 0o755 })
  mkdirSync(join(yard.root, 'explist'), { recursive: true })
  return `source ${base}/etc/profile.d/conda.sh\nconda activate pt212\ncd ${join(yard.root, 'explist')}\npython test.py --num 10`
}

/** Puts a script into the editor, in one go as a paste does. */
async function paste(desk: Page, script: string): Promise<void> {
  const editor = desk.locator('.cm-content')
  await editor.click()
  await desk.keyboard.press('ControlOrMeta+a')
  await desk.keyboard.insertText(script)
  await expect(editor).toContainText(script.split('\n').at(-1) ?? '')
}

async function make(yard: Yard, task: object): Promise<number> {
  const answer = await yard.api('POST', '/tasks', task)
  const said = (await answer.json()) as { id: number }
  expect(answer.status, JSON.stringify(said)).toBe(200)
  return said.id
}

test('the palette finds an ad-hoc task by its words and its number', async ({ desk, yard }) => {
  const ids = [await make(yard, { name: 'lr sweep 3', command: 'sleep 900' }), await make(yard, { name: 'other', command: 'python evaluate.py --ckpt best' })]
  await desk.goto(`${yard.url}/gpu`)
  // A page that has only arrived hears no keys yet.
  await expect(desk.getByRole('heading', { level: 1 })).toBeVisible()
  const open = async (words: string) => {
    await desk.keyboard.press('Control+k')
    await desk.keyboard.type(words)
  }
  await open('sweep lr')
  await expect(desk.getByRole('option', { name: 'lr sweep 3' })).toBeVisible()
  await expect(desk.getByRole('option', { name: 'other' })).toHaveCount(0)
  await desk.keyboard.press('Enter')
  await expect(desk).toHaveURL(new RegExp(`/tasks/${ids[0]}$`))
  await open('evaluate.py')
  await desk.getByRole('option', { name: 'other' }).click()
  await expect(desk).toHaveURL(new RegExp(`/tasks/${ids[1]}$`))
  await open(`#${ids[0]}`)
  await expect(desk.getByRole('option', { name: 'lr sweep 3' })).toBeVisible()
  await desk.keyboard.press('Escape')
})

test('a pasted script runs, its log is live, and a copy of it runs again', async ({ desk, yard }) => {
  const script = conda(yard)
  await desk.goto(`${yard.url}/tasks`)
  await expect(desk.getByText('No task yet')).toBeVisible()
  // Nobody is at work on what is not there, and nobody is missed.
  await expect(desk.getByText('No scheduler is at work')).toHaveCount(0)
  await desk.locator('.empty').getByRole('button', { name: 'New task' }).click()
  await paste(desk, script)
  await expect(desk.getByLabel('GPU model')).toContainText('4 of 4 free')
  await desk.getByRole('button', { name: 'Queue the task' }).click()
  await expect(desk).toHaveURL(/\/tasks\/\d+$/)
  await expect(desk.locator('.line', { hasText: /env pt212 in .*explist on GPU \d/ })).toBeVisible({ timeout: 30_000 })
  await expect(desk.locator('.badge', { hasText: 'Completed' })).toBeVisible({ timeout: 30_000 })
  // The script's environment at its exit stands behind what it said.
  await desk.locator('.log-view').press('/')
  await desk.keyboard.type('trained')
  await expect(desk.locator('.said')).toContainText('1 hit')
  await desk.keyboard.press('Enter')
  await expect(desk.locator('.line', { hasText: 'trained' })).toBeVisible()
  await expect(desk.locator('.line', { hasText: '10/10' })).toHaveCount(1)
  await expect(desk.locator('.facts')).toContainText('Exit code0')
  await expect(desk.locator('.foot')).toContainText('Exit code 0')
  // "Copy task": the form is filled in, and goes back to that.
  await desk.getByRole('button', { name: 'Copy task' }).click()
  await expect(desk.locator('.cm-content')).toContainText('python test.py --num 10')
  await desk.getByLabel('GPUs', { exact: true }).fill('9')
  await desk.getByRole('button', { name: 'Reset' }).click()
  await expect(desk.getByLabel('GPUs', { exact: true })).toHaveValue('1')
  // Long enough to be met at work: behind the end of a log stands more than a screen.
  await paste(desk, script.replace('10', '80'))
  await desk.getByRole('button', { name: 'Queue the task' }).click()
  await expect(desk.locator('.line', { hasText: '/80' })).toBeVisible({ timeout: 30_000 })
  await expect(desk.locator('.badge', { hasText: 'Completed' })).toBeVisible({ timeout: 30_000 })
  await desk.getByRole('link', { name: 'All tasks' }).click()
  await expect(desk.locator('.task')).toHaveCount(2)
})

test('what cannot be is said at its field; a draft survives a reload; a sweep makes many', async ({ desk, yard }) => {
  await desk.goto(`${yard.url}/tasks/new`)
  await desk.getByRole('button', { name: 'Queue the task' }).click()
  await expect(desk.getByText('Write at least one command.')).toBeVisible()
  await paste(desk, 'echo run {lr} {seed}')
  await desk.getByLabel('GPUs', { exact: true }).fill('9')
  await desk.getByRole('button', { name: 'Queue the task' }).click()
  await expect(desk.locator('.field', { hasText: 'GPUs' }).locator('.error').first()).toBeVisible()
  await desk.getByLabel('GPUs', { exact: true }).fill('1')
  await desk.getByRole('button', { name: 'Add a name' }).click()
  await desk.getByPlaceholder('Name').fill('lr')
  await desk.getByPlaceholder('0.1, 0.01, 0.001').fill('0.1, 0.2')
  await desk.getByRole('button', { name: 'Add a name' }).click()
  await desk.getByPlaceholder('Name').nth(1).fill('seed')
  await desk.getByPlaceholder('0.1, 0.01, 0.001').nth(1).fill('1, 2, 3')
  await expect(desk.getByText('Makes 6 tasks:')).toBeVisible()
  await expect(desk.locator('.made li').first()).toHaveText('echo run 0.1 1')
  await desk.reload()
  await expect(desk.getByText('Your draft from before is back.')).toBeVisible()
  await expect(desk.locator('.cm-content')).toContainText('echo run {lr} {seed}')
  await desk.getByRole('button', { name: 'Queue 6 tasks' }).click()
  await expect(desk).toHaveURL(/\/tasks$/)
  await expect(desk.locator('.task')).toHaveCount(6)
  await expect(desk.locator('.badge', { hasText: 'Completed' })).toHaveCount(6, { timeout: 60_000 })
  // Sent, the draft is gone.
  await desk.goto(`${yard.url}/tasks/new`)
  await expect(desk.locator('.cm-placeholder')).toBeVisible()
})

test('an end that the page was not told of is found out, in the list and on the task', async ({ desk, yard }) => {
  const id = await make(yard, { command: 'true' })
  await expect.poll(async () => ((await (await yard.api('GET', `/tasks/${id}`)).json()) as { status: string }).status, { timeout: 30_000 }).toBe('completed')
  // As if each question had been answered before the end, and the live connection had begun after it.
  const before = { status: 'running', finished_at: null, exit_code: null }
  type Said = { tasks: object[] }
  let late = 0
  for (const [page, address, path, older] of [
    ['/tasks', /\/api\/tasks\?/, '/tasks', (said: Said) => ({ ...said, tasks: said.tasks.map((task) => ({ ...task, ...before })) })],
    [`/tasks/${id}`, new RegExp(`/api/tasks/${id}$`), `/tasks/${id}`, (said: Said) => ({ ...said, ...before })],
  ] as const) {
    await desk.route(address, async (route) => {
      late++
      await route.fulfill({ json: older((await (await yard.api('GET', path)).json()) as Said) })
    }, { times: 1 })
    await desk.goto(`${yard.url}${page}`)
    await expect(desk.locator('.badge', { hasText: 'Completed' })).toBeVisible()
  }
  expect(late).toBe(2)
})

test('waiting ones are cancelled at once and can be brought back; running ones are asked about', async ({ desk, yard }) => {
  const running = await make(yard, { command: 'sleep 600', gpu_count: 4, name: 'holds all' })
  await expect.poll(async () => ((await (await yard.api('GET', `/tasks/${running}`)).json()) as { status: string }).status, { timeout: 30_000 }).toBe('running')
  for (let n = 1; n <= 3; n++) await make(yard, { command: `echo ${n}`, name: `waits ${n}`, tags: [n === 3 ? 'odd' : 'even'] })
  await desk.goto(`${yard.url}/tasks?status=queued`)
  await expect(desk.locator('.task')).toHaveCount(3)
  await expect(desk.locator('.task').first()).toContainText(/GPU/)
  await desk.getByLabel('Choose all that are shown').check()
  await desk.getByRole('button', { name: 'Cancel 3' }).click()
  await expect(desk.getByText('Cancelled 3 tasks')).toBeVisible()
  await expect(desk.getByText('No task fits')).toBeVisible()
  await desk.getByRole('button', { name: /Undo/ }).click()
  await expect(desk.locator('.task')).toHaveCount(3)
  await desk.getByRole('button', { name: /^All/ }).click()
  await expect(desk.locator('.task')).toHaveCount(4)
  await desk.getByLabel('Find by name').fill('waits 2')
  await expect(desk.locator('.task')).toHaveCount(1)
  await expect(desk).toHaveURL(/q=waits/)
  await desk.getByLabel('Find by name').fill('')
  await desk.getByRole('link', { name: 'holds all' }).click()
  await desk.getByRole('button', { name: 'Cancel', exact: true }).click()
  const dialog = desk.getByRole('alertdialog')
  await expect(dialog).toContainText('End this task?')
  await expect(dialog).toContainText('It has run')
  await dialog.getByRole('button', { name: 'End it' }).click()
  await expect(desk.locator('.badge', { hasText: 'Cancelled' })).toBeVisible({ timeout: 30_000 })
  await desk.getByRole('button', { name: 'Run again' }).click()
  await expect(desk.locator('.badge', { hasText: /Waiting|Running/ })).toBeVisible()
})

test('the GPU page says which task sits on which GPU, also before it has a process there', async ({ desk, yard }) => {
  const quiet = await make(yard, { command: 'sleep 600', gpu_count: 2, name: 'quiet' })
  const loud = await make(yard, { command: 'GPUYARD_SIMULATED_MEMORY=3GiB sleep 600', name: 'loud' })
  await desk.goto(`${yard.url}/gpu`)
  const card = (gpu: number) => desk.locator(`[data-gpu="${gpu}"]`)
  for (const gpu of [0, 1]) await expect(card(gpu).getByRole('link', { name: `Task ${quiet} · quiet` })).toBeVisible({ timeout: 30_000 })
  await expect(card(2).getByRole('link', { name: `Task ${loud}` })).toHaveCount(1, { timeout: 30_000 })
  await expect(desk.getByRole('heading', { name: 'GPU 3 is free' })).toBeVisible()
  await card(0).getByRole('link').click()
  await expect(desk).toHaveURL(new RegExp(`/tasks/${quiet}$`))
  await yard.api('POST', `/tasks/${quiet}/cancel`)
  await desk.goto(`${yard.url}/gpu`)
  await expect(desk.getByRole('heading', { name: 'GPU 0, 1 and 3 are free' })).toBeVisible({ timeout: 30_000 })
})

test('thousands of tasks are a few rows, come in pages, and are all reached', async ({ desk, yard }) => {
  await make(yard, { command: 'sleep 600', gpu_count: 4 })
  await make(yard, { command: 'echo {n}', name: 'n{n}', matrix: { n: Array.from({ length: 900 }, (_, n) => n) } })
  await desk.goto(`${yard.url}/tasks`)
  await expect(desk.locator('.task').first()).toBeVisible()
  expect(await desk.locator('.task').count()).toBeLessThan(60)
  await expect(async () => {
    await desk.mouse.wheel(0, 20_000)
    await expect(desk.getByText('sleep 600').first()).toBeVisible({ timeout: 300 })
  }).toPass({ timeout: 60_000 })
  expect(await desk.locator('.task').count()).toBeLessThan(60)
})

test('the pages can be used by everybody, and fit a phone', async ({ desk, yard }) => {
  const first = await make(yard, { command: 'echo one\nsleep 600', gpu_count: 4, name: 'a long name 一个很长的名字'.repeat(4), tags: ['resnet', 'sweep'], created_by: '王' })
  const waits = await make(yard, { command: 'echo two', depends_on: [first] })
  await make(yard, { command: 'false', gpu_count: 1, priority: 5 })
  const pages = [
    ['tasks', () => expect(desk.locator('.task').first()).toBeVisible()],
    [`tasks/${first}`, () => expect(desk.locator('.line').first()).toBeVisible({ timeout: 30_000 })],
    [`tasks/${waits}`, () => expect(desk.locator('.facts')).toBeVisible()],
    ['tasks/new', () => expect(desk.locator('.cm-content')).toBeVisible()],
    ['tasks/999999', () => expect(desk.getByText(/999999/).first()).toBeVisible()],
  ] as const
  for (const [path, settle] of pages) {
    await desk.setViewportSize({ width: 1280, height: 800 })
    await desk.goto(`${yard.url}/${path}`)
    await settle()
    await cleanInEveryLook(desk, path)
    await desk.setViewportSize({ width: 390, height: 844 })
    await settle()
    expect(await desk.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(390)
  }
})
