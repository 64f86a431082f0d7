// Processes that stand in for people's trainings: they live, and the simulated host says that they are on its GPUs.
import { type ChildProcess, spawn } from 'node:child_process'

export class Stand {
  private readonly children: ChildProcess[] = []

  /** A process that heeds TERM, or one that does not. Resolves once it is what it will be. */
  async in(deaf = false): Promise<number> {
    const child = spawn('bash', ['-c', `${deaf ? "trap '' TERM; " : ''}echo up; exec sleep 900`], { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
    this.children.push(child)
    await new Promise((up) => child.stdout?.once('data', up))
    if (child.pid === undefined) throw new Error('a stand-in did not start')
    return child.pid
  }

  async clear(): Promise<void> {
    for (const child of this.children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const ended = new Promise((done) => child.once('exit', done))
      child.kill('SIGKILL')
      await ended
    }
  }
}

/** A scripted process on one GPU. */
export const onGpu = (pid: number, gpu: number, memory = '4GiB', uid = 0) => ({ pid, gpu, uid, memory, utilization: 50 })
