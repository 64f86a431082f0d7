// Stories: the real daemon with simulated GPUs, Debian's chromium, and a name in plain HTTP, as on a lab's network.
import { defineConfig } from '@playwright/test'

export default defineConfig({
  testDir: 'stories',
  outputDir: 'test-results',
  // Every story has a daemon of its own; the machine may be small.
  workers: Number(process.env.STORY_WORKERS ?? 2),
  timeout: 90_000,
  expect: { timeout: 20_000 },
  forbidOnly: true,
  use: {
    browserName: 'chromium',
    viewport: { width: 1280, height: 800 },
    locale: 'en-US',
    screenshot: 'only-on-failure',
    trace: 'off',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--host-resolver-rules=MAP gpu.lab 127.0.0.1'],
    },
  },
})
