// Who is logged in. The token lives in this origin's storage; there are no cookies.
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { logIn, logOut, requiresKey } from '@/domain/auth'
import { ApiFailure } from '@/domain/failure'
import { kept } from './kept'

export const useSession = defineStore('session', () => {
  const token = kept<string | null>('token', null)
  /** Whether the daemon asks for a key; null until it has said so. */
  const asksKey = ref<boolean | null>(null)
  /** The daemon did not answer when the page came up. */
  const down = ref(false)
  /** Counts logins: what was refused is asked for again when it grows. */
  const epoch = ref(0)

  const open = computed(() => asksKey.value === false || (asksKey.value === true && token.value !== null))
  /** The login lies over the page. */
  const wanted = computed(() => asksKey.value === true && token.value === null)

  /** Asks whether a key is needed. */
  async function look(): Promise<void> {
    try {
      asksKey.value = await requiresKey()
      down.value = false
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error
      down.value = true
    }
  }

  async function enter(key: string): Promise<void> {
    const login = await logIn(key)
    token.value = login.token
    asksKey.value = login.token !== null
    down.value = false
    epoch.value++
  }

  async function leave(): Promise<void> {
    // The daemon may be gone, or have forgotten the token; here it ends in any case.
    await logOut().catch(() => undefined)
    token.value = null
  }

  /** The daemon no longer takes the token. */
  function lost(): void {
    token.value = null
    asksKey.value = true
  }

  return { token, asksKey, down, epoch, open, wanted, look, enter, leave, lost }
})
