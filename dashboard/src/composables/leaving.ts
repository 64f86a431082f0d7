// Leaving with unsaved changes: the browser asks before the tab closes; on another page of ours the draft stays, and that is said.
import { onScopeDispose } from 'vue'
import { onBeforeRouteLeave } from 'vue-router'

export function useLeaving(dirty: () => boolean, say: () => void): void {
  function ask(event: BeforeUnloadEvent): void {
    if (dirty()) event.preventDefault()
  }
  addEventListener('beforeunload', ask)
  onScopeDispose(() => removeEventListener('beforeunload', ask))
  onBeforeRouteLeave(() => {
    if (dirty()) say()
  })
}
