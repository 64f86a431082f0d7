// axe-core over what is on the page, in the language and theme that are asked for.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { expect } from './yard'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface Violation {
  id: string
  help: string
  nodes: { target: string[]; failureSummary?: string }[]
}

/** Fails with every violation, and where it is. */
async function clean(page: Page, where: string): Promise<void> {
  await page.evaluate(source)
  // A colour on its way from one theme to the other is neither; what turns without an end stays.
  await page.evaluate(() => {
    for (const one of document.getAnimations()) if (one.effect?.getComputedTiming().endTime !== Infinity) one.finish()
  })
  const violations = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(context: Document, options: object): Promise<{ violations: Violation[] }> } }
    return (await axe.run(document, { resultTypes: ['violations'] })).violations
  })
  const told = violations.flatMap(({ id, help, nodes }) => nodes.slice(0, 4).map((node) => `${id}: ${help}\n  ${node.target.join(' ')}\n  ${node.failureSummary ?? ''}`))
  expect(told, where).toEqual([])
}

const LOOKS = [
  ['en', 'light'],
  ['en', 'dark'],
  ['zh-CN', 'light'],
  ['zh-CN', 'dark'],
] as const

/** As the page's own switches do it, without a reload. */
async function look(page: Page, [language, theme]: (typeof LOOKS)[number]): Promise<void> {
  await page.evaluate(([language, theme]) => {
    for (const [name, value] of [['language', language], ['theme', theme]]) {
      const key = `gpuyard.${name}`
      const newValue = JSON.stringify(value)
      localStorage.setItem(key, newValue)
      // What another tab's change looks like here.
      dispatchEvent(new StorageEvent('storage', { key, newValue }))
    }
  }, [language, theme])
  await expect(page.locator('html')).toHaveAttribute('lang', language)
  await expect(page.locator('html')).toHaveAttribute('data-theme', theme)
}

/** Takes pictures of what is on the page, dialogs and menus too, for whoever looks: with STORY_PICTURES=FOLDER, as a laptop and a phone show it. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.STORY_PICTURES
  const before = page.viewportSize()
  if (!folder || !before) return
  for (const size of [{ width: 1280, height: 800 }, { width: 390, height: 844 }]) {
    await page.setViewportSize(size)
    // What measures itself has been drawn again.
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
    await page.screenshot({ path: join(folder, String(size.width), `${name.replace(/[^\w-]+/g, '-')}.png`), animations: 'disabled' })
  }
  await page.setViewportSize(before)
}

/** Fails with what is wrong in any language and theme, and goes back to the first. */
export async function cleanInEveryLook(page: Page, where: string): Promise<void> {
  for (const one of LOOKS) {
    await look(page, one)
    await clean(page, `${where} in ${one.join(', ')}`)
    await picture(page, `${where} ${one.join(' ')}`)
  }
  await look(page, LOOKS[0])
}
