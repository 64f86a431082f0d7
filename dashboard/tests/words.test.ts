// Both languages say everything, with the same values in it, and each in its own script.
import { describe, expect, it } from 'vitest'
import restEn from '../src/i18n/en'
import firstEn from '../src/i18n/en/first'
import { compile } from '../src/i18n/messages'
import restZh from '../src/i18n/zh-CN'
import firstZh from '../src/i18n/zh-CN/first'

type Tree = { [key: string]: string | Tree }

function flat(tree: Tree, path = ''): Map<string, string> {
  const found = new Map<string, string>()
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') found.set(path + key, value)
    else for (const [name, text] of flat(value, `${path}${key}.`)) found.set(name, text)
  }
  return found
}

const en = { ...firstEn, ...restEn }
const zh = { ...firstZh, ...restZh }
const values = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort()
const english = flat(en as unknown as Tree)
const chinese = flat(zh as unknown as Tree)

describe('the words', () => {
  it('are the same in both languages', () => {
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort())
  })
  it.each([...english])('%s carries the same values', (key, text) => {
    expect(values(chinese.get(key) ?? '')).toEqual(values(text))
  })
  it('are none of them empty', () => {
    for (const [key, text] of [...english, ...chinese]) expect(text.trim(), key).not.toBe('')
  })
  it('are written in their own script', () => {
    // Names, file names and the switch to the other language stand as they are.
    for (const [key, text] of english) if (!/language/i.test(key)) expect(text, key).not.toMatch(/[\u4e00-\u9fff]/)
  })
})

it('are found by their whole key, and tell one from many', () => {
  const words = compile({ top: { live: 'Live' }, gpu: { count: '{n} GPU | {n} GPUs' } })
  expect(Object.keys(words)).toEqual(['top.live', 'gpu.count'])
})
