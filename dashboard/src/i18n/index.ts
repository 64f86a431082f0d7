// Words in two languages. A language is loaded when it is first shown: what the first page needs at once, the rest after it.
import { createI18n, useI18n } from 'petite-vue-i18n'
import { nextTick, watch } from 'vue'
import { usePreferences, type Language } from '@/stores/preferences'
import type { First, Messages, Rest } from './en'
import { compile } from './messages'

const first: Record<Language, () => Promise<{ default: First }>> = {
  en: () => import('./en/first'),
  'zh-CN': () => import('./zh-CN/first'),
}
const rest: Record<Language, () => Promise<{ default: Rest }>> = {
  en: () => import('./en'),
  'zh-CN': () => import('./zh-CN'),
}

const i18n = createI18n({ legacy: false, locale: 'en', fallbackLocale: false, messages: {}, missingWarn: false, fallbackWarn: false })
const words = i18n.global as unknown as {
  locale: { value: string }
  setLocaleMessage(locale: string, messages: unknown): void
  mergeLocaleMessage(locale: string, messages: unknown): void
}
/** Once more than the first page has been asked for. */
let all: Promise<void> | null = null

async function show(language: Language): Promise<void> {
  const [{ default: some }, others] = await Promise.all([first[language](), all ? rest[language]() : null])
  words.setLocaleMessage(language, { ...compile(some), ...(others && compile(others.default)) })
  words.locale.value = language
  await nextTick()
}

/** Loads what the first page can do without, once; every other page waits for it. */
export function allWords(): Promise<void> {
  const { language } = usePreferences()
  all ??= rest[language]().then(
    (others) => words.mergeLocaleMessage(language, compile(others.default)),
    (error: unknown) => {
      all = null
      throw error
    },
  )
  return all
}

/** Loads the language of the preferences, and follows it. Resolves when the first one is there. */
export async function startWords(): Promise<typeof i18n> {
  const preferences = usePreferences()
  await show(preferences.language)
  watch(() => preferences.language, (language) => void show(language))
  return i18n
}

type Leaves<T, P extends string = ''> = {
  [K in keyof T & string]: T[K] extends string ? `${P}${K}` : Leaves<T[K], `${P}${K}.`>
}[keyof T & string]

/** The key of a message. */
export type Key = Leaves<Messages>

/** `t('gpu.title')`; values by name; `n` picks the plural. */
export type Words = (key: Key, values?: Record<string, unknown>, n?: number) => string

/** The words of the language that is shown. */
export function useWords(): Words {
  const { t } = useI18n({ useScope: 'global' })
  const say = t as unknown as (key: string, ...rest: unknown[]) => string
  return (key, values = {}, n) => (n === undefined ? say(key, values) : say(key, { n, ...values }, n))
}
