// Keys of every page, and what of the frame they open.
import { ref, watch } from 'vue'
import { useRouter } from 'vue-router'
import { useShortcuts } from '@/composables/shortcuts'
import { useWords } from '@/i18n'
import { PAGES } from './pages'

export function useFrameKeys() {
  const t = useWords()
  const router = useRouter()
  const palette = ref(false)
  const help = ref(false)

  /** Letters that were typed before the palette had been loaded, and had the keys. */
  const early = ref('')
  function catchEarly(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key.length === 1) early.value += event.key
    else if (event.key === 'Backspace') early.value = early.value.slice(0, -1)
    else if (event.key === 'Escape') palette.value = false
    // Meant for what is found, not for the button that happens to have the focus.
    else if (event.key !== 'Enter' && event.key !== 'Tab') return
    event.preventDefault()
    event.stopPropagation()
  }
  watch(palette, (open) => {
    early.value = ''
    if (open) addEventListener('keydown', catchEarly, true)
    else paletteReady()
  }, { flush: 'sync' })
  /** The palette is there and takes the keys itself. */
  function paletteReady(): string {
    removeEventListener('keydown', catchEarly, true)
    return early.value
  }

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
  return { palette, paletteReady, help }
}
