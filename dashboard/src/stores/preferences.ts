// What one person likes: language, theme, refresh rate. Kept in this browser.
import { defineStore } from 'pinia'
import { computed, watchEffect } from 'vue'
import { useMediaQuery } from '@vueuse/core'
import { kept } from './kept'

export const LANGUAGES = ['zh-CN', 'en'] as const
export type Language = (typeof LANGUAGES)[number]
export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]
/** Seconds between two readings of the GPUs. */
export const RATES = [0.5, 1, 2, 5] as const
export type Rate = (typeof RATES)[number]

const isOneOf = (list: readonly unknown[]) => (value: unknown) => list.includes(value)

function browserLanguage(): Language {
  const first = navigator.languages.find((tag) => /^(?:zh|en)\b/i.test(tag))
  return first && /^zh/i.test(first) ? 'zh-CN' : 'en'
}

export const usePreferences = defineStore('preferences', () => {
  const language = kept<Language>('language', browserLanguage(), isOneOf(LANGUAGES))
  const theme = kept<Theme>('theme', 'system', isOneOf(THEMES))
  const rate = kept<Rate>('rate', 1, isOneOf(RATES))
  const systemDark = useMediaQuery('(prefers-color-scheme: dark)')
  const dark = computed(() => (theme.value === 'system' ? systemDark.value : theme.value === 'dark'))

  watchEffect(() => {
    const html = document.documentElement
    html.dataset.theme = dark.value ? 'dark' : 'light'
    html.lang = language.value
  })

  return { language, theme, rate, dark }
})
