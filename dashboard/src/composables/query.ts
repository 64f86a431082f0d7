// Values that stand in the address, so that they survive a reload and can be sent to others.
import { computed, type WritableComputedRef } from 'vue'
import { useRoute, useRouter, type Router } from 'vue-router'

interface Change {
  path: string
  values: Record<string, string | undefined>
  step: boolean
}
/** What is set in one go is one change of the address. */
let gathering: Change | null = null
/** A change waits for the one before it, or it would write over it. */
let last: Promise<unknown> = Promise.resolve()

function set(router: Router, name: string, value: string | undefined, step: boolean): void {
  if (!gathering) {
    const change: Change = (gathering = { path: router.currentRoute.value.path, values: {}, step: false })
    queueMicrotask(() => {
      gathering = null
      last = last.then(() => go(router, change), () => undefined)
    })
  }
  gathering.values[name] = value
  gathering.step ||= step
}

async function go(router: Router, { path, values, step }: Change): Promise<void> {
  const route = router.currentRoute.value
  // Another page was opened meanwhile: the address is its own now.
  if (route.path !== path) return
  const query = { ...route.query, ...values }
  for (const [name, value] of Object.entries(values)) if (value === undefined) delete query[name]
  await router[step ? 'push' : 'replace']({ path, query, hash: route.hash })
}

/** `step`: giving it a value is a step that Back takes back; else the address changes in place. */
export function useQuery(name: string, step = false): WritableComputedRef<string | undefined> {
  const route = useRoute()
  const router = useRouter()
  return computed({
    get() {
      const value = route.query[name]
      return typeof value === 'string' ? value : undefined
    },
    set: (value) => set(router, name, value, step && value !== undefined),
  })
}
