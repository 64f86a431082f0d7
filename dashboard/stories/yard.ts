// A root folder, a host folder and simulated GPUs of a story's own, the real daemon in them, and a page that looks at it.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test as base, expect, type Page } from '@playwright/test'

export const SECRET = 'a-secret-for-stories-that-nobody-guesses'
const BINARY = resolve(process.env.GPUYARD ?? `${process.env.CARGO_TARGET_DIR ?? '../target'}/debug/gpuyard`)

const RULES = `check_time: 1
maximize_resource_utilization: false
memory_save_mode: true
use_all_gpus: true
compete_gpus: []
gpu_left: 0
min_gpu: 0
max_gpu: 16
work_dir: work
gpu_command_file: command_gpu.txt
gpus_command_file: command_gpus.txt
retry_config:
  max_retry_before_backoff: 3
  backoff_duration: 20
  retry_delay: 1
stop_grace: 2
`

/** Tells a process to end, and waits until it has. */
async function ended(pid: number): Promise<void> {
  const lives = (signal: NodeJS.Signals | 0) => {
    try {
      return process.kill(pid, signal)
    } catch {
      return false
    }
  }
  lives('SIGTERM')
  await expect.poll(() => lives(0), { timeout: 30_000 }).toBe(false)
}

async function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

export interface Laid {
  gpus?: string
  /** Settings besides the port and the secret. */
  settings?: string
  secret?: string
  rules?: string
  /** What simulated GPUs do besides. */
  simulation?: object
}

export class Yard {
  readonly root = mkdtempSync(join(tmpdir(), 'story-'))
  port = 0
  private daemon: ChildProcess | undefined
  private said = ''
  private secret: string

  constructor(private readonly laid: Laid) {
    this.secret = laid.secret ?? SECRET
    for (const folder of ['config', 'command', 'logs', 'work']) mkdirSync(join(this.root, folder))
    this.write('config/gpu_manage.yaml', laid.rules ?? RULES)
    if (laid.simulation) this.simulate(laid.simulation)
  }

  get url(): string {
    return `http://gpu.lab:${this.port}/ui`
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.root, path), text)
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8')
  }

  simulate(simulation: object): void {
    this.write('simulation.json', JSON.stringify(simulation))
  }

  /** Starts the daemon, with another secret perhaps, and waits until it answers. */
  async serve(secret = this.secret): Promise<void> {
    this.port ||= await freePort()
    this.secret = secret
    this.write(
      'config/control_setting.yaml',
      `target-yaml-path: gpu_manage.yaml\nlog-dir: logs\nport: ${this.port}\nallow-lan: false\nlog-level: info\n` +
        `secret: "${secret}"\ntrusted-hosts: [gpu.lab]\n${this.laid.settings ?? ''}`,
    )
    this.daemon = spawn(BINARY, ['--root', this.root, 'serve'], {
      env: {
        ...process.env,
        LANG: 'C.UTF-8',
        GPUYARD_GPU_SOURCE: `simulated:${this.laid.gpus ?? '4x24GiB'}`,
        GPUYARD_HOST_DIR: join(this.root, 'host'),
        ...(this.laid.simulation ? { GPUYARD_SIMULATION: join(this.root, 'simulation.json') } : {}),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.daemon.stdout, this.daemon.stderr]) stream?.on('data', (bytes) => (this.said += String(bytes)))
    await expect
      .poll(() => fetch(`http://127.0.0.1:${this.port}/api/health`).then((answer) => answer.ok, () => false), {
        message: `the daemon answers\n${this.said}`,
        timeout: 30_000,
      })
      .toBe(true)
  }

  /** Kills the daemon; schedulers and tasks go on. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const daemon = this.daemon
    if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) return
    const ended = new Promise((done) => daemon.once('exit', done))
    daemon.kill(signal)
    if (signal === 'SIGSTOP') return
    await ended
  }

  signal(signal: NodeJS.Signals): void {
    this.daemon?.kill(signal)
  }

  /** Asks the API as a program would. */
  async api(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}/api${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.secret}`, 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
  }

  /** Cancels all ad-hoc tasks; the pid of their scheduler, where there is one. */
  private async endTasks(): Promise<number | null> {
    let pid: number | null = null
    await expect
      .poll(async () => {
        const said = await this.api('GET', '/tasks?status=queued,running&limit=500').then((answer) => answer.json(), () => ({}))
        const { tasks = [], scheduler } = said as { tasks?: { id: number }[]; scheduler?: { pid: number | null } }
        pid = scheduler?.pid ?? null
        if (tasks.length) await this.api('POST', '/tasks/cancel', { ids: tasks.map((task) => task.id) })
        return tasks.length
      }, { timeout: 30_000 })
      .toBe(0)
    return pid
  }

  /** Ends all that was started here. */
  async clear(): Promise<void> {
    this.signal('SIGCONT')
    const states = await this.api('GET', '/scheduler/state').then((answer) => answer.json(), () => ({})) as Record<string, Record<string, { running: boolean; pid: number }>>
    for (const of of Object.values(states)) {
      for (const { running, pid } of Object.values(of)) if (running) await this.api('POST', `/scheduler/stop/${pid}`).catch(() => undefined)
    }
    await expect
      .poll(() => this.api('GET', '/scheduler/running').then((answer) => answer.json(), () => ({ schedulers: [] })).then((said) => (said as { schedulers: [] }).schedulers.length), { timeout: 30_000 })
      .toBe(0)
    // Ad-hoc tasks outlive their scheduler, and that one the daemon, which keeps it up: they go in this order.
    const pid = await this.endTasks()
    await this.kill('SIGTERM')
    if (pid) await ended(pid)
    rmSync(this.root, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}

/** A task's block in a single-GPU command file. */
export function block(queue: number, commands: string, memory = 4, gpus?: number): string {
  return `${queue}\n${commands}\n${gpus === undefined ? '' : `${gpus}\n`}${memory}\n\n`
}

interface Fixtures {
  laid: Laid
  yard: Yard
  /** A page that is logged in, at the GPUs. */
  desk: Page
}

export const test = base.extend<Fixtures>({
  laid: [{}, { option: true }],
  yard: async ({ laid }, use) => {
    const yard = new Yard(laid)
    await yard.serve()
    await use(yard)
    await yard.clear()
  },
  desk: async ({ page, yard }, use) => {
    await logIn(page, yard)
    await use(page)
  },
})

/** Logs in without the form; the story of the form is its own. */
export async function logIn(page: Page, yard: Yard): Promise<void> {
  const answer = await yard.api('POST', '/auth/login', { password: SECRET })
  const { token } = (await answer.json()) as { token: string }
  await page.addInitScript((token) => {
    localStorage.setItem('gpuyard.token', JSON.stringify(token))
    if (localStorage.getItem('gpuyard.language') === null) localStorage.setItem('gpuyard.language', '"en"')
  }, token)
}

export { expect }
