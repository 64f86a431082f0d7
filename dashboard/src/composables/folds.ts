// Which queues and tasks are unfolded, in the address: `1,3,3.2` are queues 1 and 3, and the second task of queue 3.
import { watch } from 'vue'
import { useQuery } from './query'
import type { QueueTree } from './queueTree'

/** More than these make an address that nobody wants. */
const MOST = 24

export function useFolds(tree: QueueTree): void {
  const query = useQuery('open')
  const names = () => {
    const found: string[] = []
    for (const queue of tree.file.tree) {
      if (tree.isOpen(queue.key)) found.push(String(queue.id))
      queue.tasks.forEach((task, at) => tree.isOpen(task.key) && found.push(`${queue.id}.${at + 1}`))
      if (found.length > MOST) return undefined
    }
    return found.length ? found.join(',') : 'none'
  }
  function read(text: string): void {
    const wanted = new Set(text.split(','))
    const keys = tree.file.tree.flatMap((queue) => [
      ...(wanted.has(String(queue.id)) ? [queue.key] : []),
      ...queue.tasks.flatMap((task, at) => (wanted.has(`${queue.id}.${at + 1}`) ? [task.key] : [])),
    ])
    tree.open.value = new Set(keys)
  }
  const first = query.value
  watch(() => tree.file.about !== null, (there) => there && first !== undefined && read(first), { immediate: true })
  // Not at the first look: an address that says nothing means what is usual.
  watch(tree.open, () => (query.value = names()))
}
