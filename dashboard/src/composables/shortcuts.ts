// Keys that work while a component is there.
import { onScopeDispose } from 'vue'
import { useKeys, type Shortcut } from '@/stores/keys'

export function useShortcuts(shortcuts: Shortcut[]): void {
  const keys = useKeys()
  for (const shortcut of shortcuts) keys.shortcuts.add(shortcut)
  onScopeDispose(() => {
    for (const shortcut of shortcuts) keys.shortcuts.delete(shortcut)
  })
}
