// Rows that are dragged by their grip: tasks (with all that are selected, when one of them is dragged) and queues.
import { combine } from '@atlaskit/pragmatic-drag-and-drop/combine'
import { draggable, dropTargetForElements, monitorForElements } from '@atlaskit/pragmatic-drag-and-drop/element/adapter'
import { onMounted, onScopeDispose, shallowRef } from 'vue'
import { find, findQueue, moveQueue, moveTasks } from '@/domain/commands'
import type { QueueTree } from './queueTree'

/** Where what is dragged would land. */
export interface Landing {
  key: number
  below: boolean
}

export function useDragRows(tree: QueueTree) {
  const landing = shallowRef<Landing | null>(null)
  const dragged = shallowRef<number | null>(null)
  const ends = new Map<Element, () => void>()

  function drop(key: number, { key: target, below }: Landing): void {
    const now = tree.file.tree
    if (key === target) return
    const place = find(now, target)
    const targetQueue = place?.queue ?? findQueue(now, target)
    if (!targetQueue) return
    if (findQueue(now, key)) {
      const [from, to] = [now.findIndex((queue) => queue.key === key), now.findIndex((queue) => queue.key === targetQueue.key)]
      const index = to + (below || place ? 1 : 0)
      tree.file.edit(moveQueue(now, key, from < index ? index - 1 : index))
      return
    }
    const keys = tree.selected.value.has(key) ? tree.selected.value : new Set([key])
    if (keys.has(target)) return
    const stay = targetQueue.tasks.filter((task) => !keys.has(task.key))
    const at = place ? stay.findIndex((task) => task.key === target) + (below ? 1 : 0) : tree.isOpen(target) ? 0 : stay.length
    tree.file.edit(moveTasks(now, keys, targetQueue.key, at))
    tree.focus(key)
  }

  /** Called for each row that comes (element) and goes (null). */
  function row(element: HTMLElement, key: number): void {
    if (ends.has(element)) return
    const grip = element.querySelector<HTMLElement>('[data-grip]')
    if (!grip) return
    const where = ({ input }: { input: { clientY: number } }): Landing => {
      const { top, height } = element.getBoundingClientRect()
      return { key, below: input.clientY > top + height / 2 }
    }
    ends.set(element, combine(
      draggable({ element, dragHandle: grip, getInitialData: () => ({ key }), onDragStart: () => (dragged.value = key), onDrop: () => (dragged.value = null) }),
      dropTargetForElements({
        element,
        getData: ({ input }) => ({ ...where({ input }) }),
        onDrag: ({ location }) => (landing.value = where(location.current)),
        onDragLeave: () => (landing.value = null),
      }),
    ))
  }
  function gone(element: Element): void {
    ends.get(element)?.()
    ends.delete(element)
  }

  onMounted(() => {
    const end = monitorForElements({
      onDrop({ source, location }) {
        const target = location.current.dropTargets[0]?.data as Landing | undefined
        landing.value = null
        if (target && typeof source.data.key === 'number') drop(source.data.key, target)
      },
    })
    onScopeDispose(end)
  })
  onScopeDispose(() => [...ends.keys()].forEach(gone))
  return { landing, dragged, row, gone }
}
