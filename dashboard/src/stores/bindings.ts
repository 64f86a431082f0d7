// The bound logs, as they are now: read again when the daemon says that they are others.
import { defineStore } from 'pinia'
import { shallowRef, watch } from 'vue'
import { bindingKey, bind as bindIt, readBindings, unbind as unbindIt, type Binding, type BoundTask } from '@/domain/bindings'
import { makeAsked } from './asked'
import { useFiles } from './files'
import { useLive } from './live'
import { useSession } from './session'

export const useBindings = defineStore('bindings', () => {
  const files = useFiles()
  const session = useSession()
  const live = useLive()
  const list = shallowRef<Record<string, Binding>>({})
  const { error, ask: look } = makeAsked(readBindings, (found) => (list.value = found))
  watch([() => session.epoch, () => live.returns, () => files.of('bindings')?.etag], () => void look(), { immediate: true })

  const of = (task: BoundTask): Binding | undefined => list.value[bindingKey(task)]
  async function bind(task: BoundTask, path: string): Promise<void> {
    await bindIt(task, path)
    await look()
  }
  async function unbind(task: BoundTask): Promise<void> {
    await unbindIt(task)
    await look()
  }
  return { list, error, of, bind, unbind }
})
