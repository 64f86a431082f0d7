// Keys of every page, and what of the frame they open.
import { ref } from 'vue'
import { useRouter } from 'vue-router'
import { useShortcuts } from '@/composables/shortcuts'
import { useWords } from '@/i18n'
import { PAGES } from './pages'

export function useFrameKeys() {
  const t = useWords()
  const router = useRouter()
  const palette = ref(false)
  const help = ref(false)

  function filter(): void {
    const field = document.querySelector<HTMLInputElement>('[data-filter]')
    field?.focus()
    field?.select()
  }

  useShortcuts([
    { key: 'Mod+k', get label() { return t('keys.palette') }, group: 'general', everywhere: true, run: () => (palette.value = !palette.value) },
    { key: '?', get label() { return t('keys.help') }, group: 'general', run: () => (help.value = true) },
    { key: '/', get label() { return t('keys.filter') }, group: 'general', run: filter },
    ...PAGES.map((page, at) => ({
      key: String(at + 1),
      get label() { return t('keys.goTo', { page: t(page.name) }) },
      group: 'pages',
      run: () => void router.push(page.path),
    })),
  ])
  return { palette, help }
}
