// Takes pictures of every page to look at: `npm run looks -- FOLDER [NAME…]`, in both languages and themes, wide and narrow, of yards that
// are full, empty and broken, and of one whose daemon ends under the page. It lays the yards out and starts their daemons itself.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { chromium } from '@playwright/test'

const [folder, ...only] = process.argv.slice(2)
if (!folder) throw new Error('usage: npm run looks -- FOLDER [NAME…]')
mkdirSync(folder, { recursive: true })
const here = resolve(import.meta.dirname, '../..')
const binary = resolve(process.env.GPUYARD ?? `${process.env.CARGO_TARGET_DIR ?? join(here, 'target')}/debug/gpuyard`)
if (!existsSync(binary)) throw new Error(`${binary} is not there: cargo build -p gpuyard, or name another with GPUYARD`)

const until = async (what, holds) => {
  for (const end = Date.now() + 60_000; Date.now() < end; await new Promise((done) => setTimeout(done, 200))) {
    const found = await holds().catch(() => undefined)
    if (found) return found
  }
  throw new Error(`${what}: not after a minute`)
}
const freePort = () => new Promise((done) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address()
    server.close(() => done(port))
  })
})

/** A root folder with a daemon in it. */
class Yard {
  root = mkdtempSync(join(tmpdir(), 'looks-'))
  constructor(gpus) {
    this.env = { ...process.env, LANG: 'C.UTF-8', GPUYARD_HOST_DIR: join(this.root, 'host'), GPUYARD_GPU_SOURCE: gpus, GPUYARD_SIMULATION: join(this.root, 'simulation.json') }
    this.write('simulation.json', '{}')
  }

  write(path, text) {
    mkdirSync(join(this.root, path, '..'), { recursive: true })
    writeFileSync(join(this.root, path), text)
  }

  run(...words) {
    return spawnSync(binary, ['--root', this.root, ...words], { env: this.env, encoding: 'utf8' }).stdout.trim()
  }

  async serve() {
    const port = await freePort()
    this.url = `http://127.0.0.1:${port}`
    this.secret = 'a-secret-for-looks-that-nobody-guesses'
    this.write('config/control_setting.yaml', `port: ${port}\nallow-lan: false\nsecret: "${this.secret}"\n`)
    this.daemon = spawn(binary, ['--root', this.root, 'serve'], { env: this.env, stdio: 'ignore' })
    await until('the daemon answers', async () => (await fetch(`${this.url}/api/health`)).ok)
    this.token = (await this.ask('/auth/login', { method: 'POST', body: JSON.stringify({ password: this.secret }) })).token
  }

  async ask(path, init = {}) {
    return (await fetch(`${this.url}/api${path}`, { ...init, headers: { Authorization: `Bearer ${this.token ?? ''}`, 'Content-Type': 'application/json' } })).json()
  }

  async end() {
    this.daemon.kill('SIGTERM')
    await new Promise((done) => this.daemon.once('exit', done))
  }

  async clear() {
    for (const what of [['single', '0'], ['multi', '0'], ['tasks']]) this.run('stop', ...what, '--wait')
    await this.end()
    rmSync(this.root, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}

// People at work outside of gpuyard: processes that live, of whom the simulated GPUs tell.
const strangers = Array.from({ length: 3 }, () => spawn('sleep', ['3000'], { stdio: 'ignore' }))

async function full() {
  const yard = new Yard('simulated:4x24GiB')
  spawnSync(join(here, 'scripts/demo.sh'), [yard.root, binary])
  yard.write('simulation.json', JSON.stringify({
    processes: strangers.map(({ pid }, at) => ({ pid, gpu: at + 1, uid: [0, 1, 33][at], memory: `${at + 1}GiB`, utilization: 30 })),
    gpus: { 0: { utilization: 97, temperature: 81 }, 1: { utilization: 72 } },
  }))
  // One run that has ended before, of another config.
  yard.write('command/command_gpu_1.txt', '1 #queue\necho it is done\n4\n\n')
  await yard.serve()
  yard.run('start', 'single', '1')
  const id = (...words) => yard.run('submit', ...words)
  id('--name', 'prepare the data', '--memory', '2', '--', 'echo', 'prepared')
  id('--name', 'fails', '--memory', '2', '--', 'exit 3')
  yard.log = id('--name', 'bert-large, lr 3e-4', '--memory', '6', '--', 'for n in $(seq 300); do printf "\\repoch 1: %d/300" $n; sleep 1; done')
  id('--name', 'after it', '--after', yard.log, '--', 'python eval.py --checkpoint /data/checkpoints/bert-large/last.pt --split test')
  id('--gpus', '4', '--memory', '80', '--', 'torchrun --nproc-per-node 4 pretrain.py --config configs/large.yaml')
  await until('the first config ends', async () => ['completed', 'failed'].includes((await yard.ask('/scheduler/runs')).runs[0]?.state))
  yard.run('start', 'single', '0')
  yard.run('start', 'multi', '0')
  const run = await until('tasks write', async () => {
    const { runs } = await yard.ask('/scheduler/runs')
    const tree = await yard.ask(`/scheduler/runs/${runs.find((one) => one.mode === 'single' && one.config_index === 0).run_id}`)
    return Object.values(tree.queues).flatMap((queue) => queue.processes).find((task) => task.attempt)
  })
  yard.pages = {
    login: '/login', gpu: '/gpu', processes: '/processes', command: '/command', 'command-open': '/command?open=1,1.1,2', 'command-multi': '/command?mode=multi&open=1',
    'command-text': '/command?view=text', state: '/state', past: '/state?tab=past', tasks: '/tasks', 'task-new': '/tasks/new', task: `/tasks/${yard.log}`, rule: '/rule', setting: '/setting',
    logs: '/logs', log: `/logs/task=${run.task_id}`, 'two-logs': `/logs/task=${run.task_id}/task=${yard.log}`, missing: '/nowhere',
  }
  return yard
}

async function empty() {
  const yard = new Yard('auto')
  await yard.serve()
  yard.pages = { gpu: '/gpu', processes: '/processes', command: '/command', 'command-text': '/command?view=text', state: '/state', past: '/state?tab=past', tasks: '/tasks', rule: '/rule', logs: '/logs' }
  return yard
}

async function broken() {
  const yard = new Yard('simulated:4x24GiB')
  await yard.serve()
  yard.write('command/command_gpu.txt', '1 #queue\npython train.py --lr 3e-4\n4\n\n2\nfirst.sh\nlots\n\n')
  yard.write('command/command_gpus.txt', '1\n\n')
  yard.write('config/gpu_manage.yaml', 'check_time: soon\nmin_gpu: [1\n')
  yard.write('simulation.json', JSON.stringify({ error: 'the driver went away' }))
  const task = yard.run('submit', '--name', 'lost', '--', 'true')
  yard.pages = {
    gpu: '/gpu', processes: '/processes', command: '/command', 'command-multi': '/command?mode=multi', 'command-text': '/command?view=text', state: '/state', tasks: '/tasks', task: `/tasks/${task}`,
    'task-none': '/tasks/99999', rule: '/rule', setting: '/setting', log: '/logs/path=%2Fdata%2Fnobody%2Fhas-this.log', 'log-none': '/logs/task=99999', 'log-wrong': '/logs/oops',
  }
  return yard
}

/** Some cards are not as they should be, and the daemon ends while the page is looked at. */
async function lost() {
  const yard = new Yard('simulated:6x24GiB')
  yard.write('command/command_gpu.txt', '1\nexec sleep 900\n4\n\n2\nexec sleep 900\n400\n\n')
  yard.write('simulation.json', JSON.stringify({ gpus: { 1: { temperature: null, power_draw: null }, 2: { lost: 'GPU is lost: it has fallen off the bus' }, 3: { processes_unknown: true } } }))
  await yard.serve()
  yard.pages = { gpu: '/gpu', processes: '/processes', command: '/command?open=1', state: '/state', tasks: '/tasks', rule: '/rule', setting: '/setting' }
  return yard
}

const LOOKS = ['en', 'zh-CN'].flatMap((language) => ['light', 'dark'].map((theme) => [language, theme]))
const WIDTHS = { wide: [1280, 800], phone: [390, 844] }
/** The longest picture: what comes after is more of the same. */
const LONGEST = 2400

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'] })
async function open(yard, [language, theme], [width, height]) {
  const context = await browser.newContext({ viewport: { width, height }, reducedMotion: 'reduce' })
  await context.addInitScript(([token, language, theme]) => {
    if (!location.pathname.endsWith('/login')) localStorage.setItem('gpuyard.token', JSON.stringify(token))
    localStorage.setItem('gpuyard.language', JSON.stringify(language))
    localStorage.setItem('gpuyard.theme', JSON.stringify(theme))
  }, [yard.token, language, theme])
  return context.newPage()
}
async function shot(page, said) {
  const size = page.viewportSize()
  const { over, long } = await page.evaluate(() => ({ over: document.documentElement.scrollWidth - innerWidth, long: document.documentElement.scrollHeight }))
  if (over > 0) console.log(`${said}: ${over} px wider than the screen`)
  await page.setViewportSize({ width: size.width, height: Math.min(Math.max(size.height, long), LONGEST) })
  await page.screenshot({ path: `${folder}/${said}.png` })
  await page.setViewportSize(size)
}
const wanted = (said) => !only.length || only.some((one) => said.startsWith(one))

for (const lay of [full, empty, broken, lost]) {
  const ends = lay === lost
  if (!wanted(lay.name) && !only.some((one) => one.startsWith(lay.name))) continue
  const yard = await lay()
  const waiting = []
  for (const look of LOOKS) {
    for (const [width, size] of Object.entries(WIDTHS)) {
      let page = await open(yard, look, size)
      for (const [name, path] of Object.entries(yard.pages)) {
        const said = [lay.name, name, ...look, width].join('-')
        if (!wanted(said)) continue
        if (ends) page = await open(yard, look, size)
        await page.goto(`${yard.url}/ui${path}`)
        await page.locator('main, form').first().waitFor()
        if (ends) {
          waiting.push([page, said])
          continue
        }
        // What is live has come, and nothing moves any more.
        await page.waitForTimeout(1000)
        await shot(page, said)
      }
      if (!ends) await page.context().close()
    }
    if (ends) {
      await waiting.at(-1)?.[0].waitForTimeout(1500)
      await yard.end()
      for (const [page, said] of waiting.splice(0)) {
        await page.locator('main > [role=alert]').first().waitFor()
        await shot(page, said)
        await page.context().close()
      }
      await yard.serve()
    }
  }
  await yard.clear()
}
await browser.close()
for (const one of strangers) one.kill()
