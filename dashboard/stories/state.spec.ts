// Do my schedulers move, and why does a task wait? Started, watched, stopped.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { cleanInEveryLook } from './axe'
import { block, expect, logIn, test } from './yard'

const work = (name: string, seconds: number) => `GPUYARD_SIMULATED_MEMORY=4GiB bash -c 'echo ${name}; exec sleep ${seconds}'`

test('a scheduler is started, watched, and stopped with its consequence said', async ({ desk: page, yard }) => {
  yard.write('command/command_gpu.txt', block(1, work('first', 900)) + block(1, work('second', 900)) + block(2, work('wide', 900), 999) + block(3, 'exit 3', 1))
  const started = await yard.api('POST', '/scheduler/single/start?config_index=0')
  expect(started.status).toBe(200)
  await page.goto(`${yard.url}/state`)

  const run = page.locator('[data-config=single_0]')
  await expect(run.getByRole('heading', { name: 'Single GPU · config 1' })).toBeVisible()
  const task = (word: string) => page.locator('.task', { hasText: word })
  await expect(task('first').getByText('Running')).toBeVisible()
  await expect(task('first').getByText('GPU 0')).toBeVisible()
  await expect(task('first').getByText('attempt 1 of 101')).toBeVisible()
  await expect(task('second').getByText('waits for the task before it')).toBeVisible()
  await expect(task('wide').getByText('no GPU that the rules compete for')).toBeVisible()
  await expect(task('exit 3').getByText('exit code 3')).toBeVisible()
  // After three failures it backs off, and counts down.
  await expect(task('exit 3').getByText(/again in \d+ s/)).toBeVisible()
  await expect(page.getByRole('group', { name: 'Tasks of schedulers' }).getByText('1', { exact: true })).toBeVisible()

  await expect(run.getByRole('link', { name: 'Scheduler log' })).toHaveAttribute('href', /mode=single&config_index=0/)

  // Skipped, and taken back.
  await task('wide').getByRole('button', { name: 'Skip this task' }).click()
  await expect(task('wide').getByText('Skipped')).toBeVisible()
  await page.getByRole('button', { name: /^Undo/ }).click()
  await expect(task('wide').getByText('Waiting', { exact: true })).toBeVisible()

  // Folded, it stays so.
  await page.getByRole('button', { name: 'Queue 1' }).click()
  await expect(task('first')).toHaveCount(0)
  await page.reload()
  await expect(page.getByRole('button', { name: 'Queue 1' })).toHaveAttribute('aria-expanded', 'false')
  await expect(task('first')).toHaveCount(0)
  await page.getByRole('button', { name: 'Queue 1' }).click()

  // The filter is in the address.
  await page.getByRole('button', { name: 'Running 1' }).click()
  await expect(page).toHaveURL(/show=running/)
  await expect(page.locator('.task')).toHaveCount(1)
  await page.getByRole('button', { name: 'All', exact: true }).click()

  await expect(task('exit 3').getByText('failed several times in a row')).toBeVisible()
  await run.getByRole('button', { name: 'Stop', exact: true }).click()
  const question = page.getByRole('alertdialog')
  await expect(question.getByText(/1 task ends; it has run for/)).toBeVisible()
  await question.getByRole('button', { name: 'Cancel' }).click()
  await expect(task('first').getByText('Running')).toBeVisible()
  await run.getByRole('button', { name: 'Stop', exact: true }).click()
  await page.getByRole('button', { name: 'End 1 task' }).click()
  await expect(run.getByText('Stopped')).toBeVisible()

  // What has ended can go on where it stood, and is in the history.
  await run.getByRole('button', { name: 'Resume' }).click()
  await expect(run.getByText('Running', { exact: true })).toBeVisible()
  await run.getByRole('button', { name: 'More for Single GPU · config 1' }).click()
  await page.getByRole('menuitem', { name: /Finish what runs/ }).click()
  await expect(run.getByText('Finishing')).toBeVisible()
})

test('ended runs stand in the history with their tasks', async ({ desk: page, yard }) => {
  yard.write('command/command_gpu.txt', block(1, 'echo one') + block(1, 'false'))
  yard.write('config/gpu_manage.yaml', yard.read('config/gpu_manage.yaml').replace('retry_delay: 1', 'retry_delay: 0.1\n  max_retries: 0'))
  for (let runs = 0; runs < 2; runs++) {
    await yard.api('POST', '/scheduler/single/start?config_index=0')
    await expect.poll(async () => ((await (await yard.api('GET', '/scheduler/single/state?config_index=0')).json()) as { running: boolean }).running).toBe(false)
  }
  await page.goto(`${yard.url}/state`)
  await expect(page.locator('.run')).toHaveCount(1)
  await page.getByRole('link', { name: 'History' }).click()
  await expect(page).toHaveURL(/tab=past/)
  await expect(page.locator('.run')).toHaveCount(2)
  await page.locator('.run').first().getByRole('button', { expanded: false }).click()
  await expect(page.locator('.task')).toHaveCount(2)
  await expect(page.locator('.task', { hasText: 'false' }).getByText('exit code 1')).toBeVisible()
  await page.goBack()
  await expect(page.locator('.run')).toHaveCount(1)
})

test('an ended run is deleted with its logs, after a question; one that runs is not; other tabs follow', async ({ desk: page, yard, context }) => {
  test.setTimeout(180_000)
  yard.write('command/command_gpu.txt', block(1, 'echo one'))
  for (let runs = 0; runs < 2; runs++) {
    await yard.api('POST', '/scheduler/single/start?config_index=0')
    await expect.poll(async () => ((await (await yard.api('GET', '/scheduler/single/state?config_index=0')).json()) as { running: boolean }).running).toBe(false)
  }
  const { runs } = (await (await yard.api('GET', '/scheduler/runs')).json()) as { runs: { run_id: string }[] }
  await page.goto(`${yard.url}/state?tab=past`)
  const rows = page.locator('.run')
  await expect(rows).toHaveCount(2)
  // Another tab looks at the same history.
  const other = await context.newPage()
  await logIn(other, yard)
  await other.goto(`${yard.url}/state?tab=past`)
  const others = other.locator('.run')
  await expect(others).toHaveCount(2)
  await rows.last().getByRole('button', { name: 'Delete this run' }).click()
  const question = page.getByRole('alertdialog', { name: 'Delete this run of Single GPU · config 1?' })
  await expect(question).toContainText('Its record and the log of its task are removed for good.')
  await cleanInEveryLook(page, 'the question before a run is deleted')
  await question.getByRole('button', { name: 'Cancel' }).click()
  await expect(rows).toHaveCount(2)
  await rows.last().getByRole('button', { name: 'Delete this run' }).click()
  await question.getByRole('button', { name: 'Delete the run' }).click()
  await expect(page.getByText('The run is deleted')).toBeVisible()
  await expect(rows).toHaveCount(1)
  await expect(others).toHaveCount(1)
  await expect(others).toHaveAttribute('data-run', runs[0]?.run_id ?? '')
  expect(readdirSync(join(yard.root, 'logs/tasks'))).toEqual([runs[0]?.run_id])

  // The newest one goes from the list of what is now, too.
  await page.getByRole('button', { name: 'Now' }).click()
  await rows.getByRole('button', { name: 'More for Single GPU · config 1' }).click()
  await page.getByRole('menuitem', { name: /Delete this run/ }).click()
  await question.getByRole('button', { name: 'Delete the run' }).click()
  await expect(rows).toHaveCount(0)
  await expect(page.getByText('No scheduler has run yet')).toBeVisible()
  await expect(other.getByText('No earlier runs')).toBeVisible()

  // What was started meanwhile, by somebody else, is not deleted.
  yard.write('command/command_gpu.txt', block(1, 'exec sleep 900'))
  await yard.api('POST', '/scheduler/single/start?config_index=0')
  await expect(rows.getByText('Running', { exact: true })).toBeVisible()
  const { schedulers } = (await (await yard.api('GET', '/scheduler/running')).json()) as { schedulers: { run_id: string }[] }
  const refused = await yard.api('DELETE', `/scheduler/runs/${schedulers[0]?.run_id}`)
  expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([409, 'running'])
})

test('nothing has run yet: why, and what to do', async ({ desk: page, yard }) => {
  await page.goto(`${yard.url}/state`)
  await expect(page.getByText('No scheduler has run yet')).toBeVisible()
  await page.getByRole('link', { name: 'To the commands' }).click()
  await expect(page).toHaveURL(/\/ui\/command/)
})
