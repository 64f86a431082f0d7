// Words in two languages. A language is loaded when it is first shown.
import { createI18n, useI18n } from 'petite-vue-i18n'
import { nextTick, watch } from 'vue'
import { usePreferences, type Language } from '@/stores/preferences'
import type { Messages } from './en'
import { compile } from './messages'

const loaders: Record<Language, () => Promise<{ default: Messages }>> = {
  en: () => import('./en'),
  'zh-CN': () => import('./zh-CN'),
}

const i18n = createI18n({ legacy: false, locale: 'en', fallbackLocale: false, messages: {}, missingWarn: false, fallbackWarn: false })

async function show(language: Language): Promise<void> {
  const { default: messages } = await loaders[language]()
  const words = i18n.global as unknown as {
    locale: { value: string }
    setLocaleMessage(locale: string, messages: unknown): void
  }
  words.setLocaleMessage(language, compile(messages))
  words.locale.value = language
  await nextTick()
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
