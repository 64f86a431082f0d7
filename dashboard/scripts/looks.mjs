// Takes pictures of every page to look at: `npm run looks -- URL SECRET FOLDER [NAME…]`, in both languages and themes, wide and narrow.
// Needs a daemon with something to see, as ./run.sh --demo makes.
import { mkdirSync } from 'node:fs'
import { chromium } from '@playwright/test'

const [url, secret, folder, ...only] = process.argv.slice(2)
if (!url || !secret || !folder) throw new Error('usage: npm run looks -- http://127.0.0.1:29314 SECRET FOLDER [NAME…]')
mkdirSync(folder, { recursive: true })
const ask = async (path, token = secret, init = {}) => (await fetch(`${url}/api${path}`, { ...init, headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' } })).json()
const { token } = await ask('/auth/login', '', { method: 'POST', body: JSON.stringify({ password: secret }) })
if (!token) throw new Error(`the daemon at ${url} does not take this secret`)
const { runs } = await ask('/scheduler/runs')
const { tasks } = await ask('/tasks')
// A task of the newest run, for its log.
const run = runs[0] && (await ask(`/scheduler/runs/${runs[0].run_id}`))
const logged = run && Object.values(run.queues).flatMap((queue) => queue.processes).find((task) => task.attempt)

const PAGES = {
  login: '/login',
  gpu: '/gpu',
  processes: '/processes',
  command: '/command',
  'command-open': '/command?open=1,1.1,2',
  'command-multi': '/command?mode=multi&open=1',
  'command-text': '/command?view=text',
  state: '/state',
  history: '/state?tab=past',
  tasks: '/tasks',
  'task-new': '/tasks/new',
  ...(tasks[0] ? { task: `/tasks/${tasks[0].id}` } : {}),
  rule: '/rule',
  setting: '/setting',
  logs: '/logs',
  ...(logged ? { log: `/logs/task=${logged.task_id}` } : {}),
  missing: '/nowhere',
}
const WIDTHS = { wide: [1280, 800], phone: [390, 844] }

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'] })
for (const language of ['en', 'zh-CN']) {
  for (const theme of ['light', 'dark']) {
    for (const [width, [w, h]] of Object.entries(WIDTHS)) {
      const context = await browser.newContext({ viewport: { width: w, height: h } })
      await context.addInitScript(([token, language, theme]) => {
        if (!location.pathname.endsWith('/login')) localStorage.setItem('gpuyard.token', JSON.stringify(token))
        localStorage.setItem('gpuyard.language', JSON.stringify(language))
        localStorage.setItem('gpuyard.theme', JSON.stringify(theme))
      }, [token, language, theme])
      const page = await context.newPage()
      for (const [name, path] of Object.entries(PAGES)) {
        const said = `${name}-${language}-${theme}-${width}`
        if (only.length && !only.some((one) => said.startsWith(one))) continue
        await page.goto(`${url}/ui${path}`)
        await page.locator('main, form').first().waitFor()
        // What is live has come, and nothing moves any more.
        await page.waitForTimeout(1200)
        await page.screenshot({ path: `${folder}/${said}.png`, fullPage: false })
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        if (over > 0) console.log(`${said}: ${over} px wider than the screen`)
      }
      await context.close()
    }
  }
}
await browser.close()
