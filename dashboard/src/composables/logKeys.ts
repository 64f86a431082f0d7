// Keys of a log that is the page's main matter.
import { useWords } from '@/i18n'
import { useShortcuts } from './shortcuts'

export interface LogKeys {
  search(): void
  step(by: 1 | -1): void
  start(): void
  end(): void
  goTo(): void
  wrap(): void
  page(by: 1 | -1): void
  copy(): void
}

export function useLogKeys(keys: LogKeys): void {
  const t = useWords()
  const one = (key: string, label: () => string, run: (event: KeyboardEvent) => void) => ({ key, get label() { return label() }, group: 'page', run })
  useShortcuts([
    one('/', () => t('logs.keys.search'), () => keys.search()),
    // A large letter is the same key with Shift.
    one('n', () => t('logs.keys.next'), (event) => keys.step(event.shiftKey ? -1 : 1)),
    one('g', () => t('logs.keys.start'), (event) => (event.shiftKey ? keys.end() : keys.start())),
    one(':', () => t('logs.keys.goTo'), () => keys.goTo()),
    one('w', () => t('logs.keys.wrap'), () => keys.wrap()),
    one('PageUp', () => t('logs.keys.page'), () => keys.page(-1)),
    one('PageDown', () => t('logs.keys.page'), () => keys.page(1)),
    one('Home', () => t('logs.start'), () => keys.start()),
    one('End', () => t('logs.toEnd'), () => keys.end()),
    one('y', () => t('logs.keys.copy'), () => keys.copy()),
  ])
}
