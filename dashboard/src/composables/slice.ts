// The rows of a long list that are in the page: those that are seen, and some around them. Rows may have any height. Whatever
// is put before, behind or in place of them, what is looked at stays where it is.
import { nextTick, onBeforeUnmount, onMounted, ref, watch, type Ref } from 'vue'

/** Rows that are drawn beyond what is seen, at either side. */
const BEYOND = 40
/** So near to the end of what is drawn, more is drawn. */
const NEAR = 12

export interface SliceHost {
  /** What scrolls. */
  view: Readonly<Ref<HTMLElement | null>>
  /** Whose children the rows are, each with `data-key`. */
  list: Readonly<Ref<HTMLElement | null>>
  keys: () => readonly string[]
  /** Whether the end is to stay in sight. */
  stick: () => boolean
  /** Height of a row, as long as none was measured. */
  row: number
}

export function useSlice({ view, list, keys, stick, row }: SliceHost) {
  const from = ref(0)
  const to = ref(0)
  const before = ref(0)
  const behind = ref(0)
  /** The rows that are seen: the first, and the one behind the last. */
  const seen = ref<[number, number]>([0, 0])
  let height = row
  /** What we scrolled to ourselves: no person did. */
  let set = -1
  let last = 0
  let size: ResizeObserver | undefined

  const fits = () => Math.ceil((view.value?.clientHeight ?? 600) / Math.max(1, Math.min(height, row * 4)))

  function scroll(top: number): void {
    if (!view.value) return
    view.value.scrollTop = top
    set = last = view.value.scrollTop
  }

  /** The first row that is seen, and how far below the view's edge it begins. */
  function anchor(): { key: string; top: number; index: number } | null {
    const rows = list.value?.children
    if (!rows?.length || !view.value) return null
    const edge = view.value.getBoundingClientRect().top
    let [a, b] = [0, rows.length - 1]
    while (a < b) {
      const middle = (a + b) >> 1
      if (rows[middle]!.getBoundingClientRect().bottom > edge + 0.5) b = middle
      else a = middle + 1
    }
    const found = rows[a] as HTMLElement
    return { key: found.dataset.key ?? '', top: found.getBoundingClientRect().top - edge, index: from.value + a }
  }

  function cutOut(first: number, count: number): void {
    const rows = list.value?.children
    if (rows?.length) {
      const a = rows[0]!.getBoundingClientRect().top
      const b = rows[rows.length - 1]!.getBoundingClientRect().bottom
      if (b > a) height = Math.max(row / 2, (b - a) / rows.length)
    }
    const total = keys().length
    from.value = Math.max(0, Math.min(first - BEYOND, total - 1))
    to.value = Math.min(total, Math.max(first, 0) + count + BEYOND)
    before.value = Math.round(from.value * height)
    behind.value = Math.round((total - to.value) * height)
  }

  function look(): void {
    const found = anchor()
    if (!found || !view.value) return
    const rows = list.value!.children
    const bottom = view.value.getBoundingClientRect().bottom
    let end = found.index - from.value
    while (end < rows.length && rows[end]!.getBoundingClientRect().top < bottom) end++
    seen.value = [found.index, from.value + end]
  }

  /** Draws around the row `index`, and puts it `top` below the view's edge. */
  async function show(index: number, top: number): Promise<void> {
    cutOut(index - Math.ceil(Math.max(0, top) / height), fits())
    await nextTick()
    const found = list.value?.children[index - from.value]
    if (!found || !view.value) return
    const now = found.getBoundingClientRect().top - view.value.getBoundingClientRect().top
    scroll(view.value.scrollTop + now - top)
    look()
  }

  async function showEnd(): Promise<void> {
    cutOut(keys().length - fits(), fits())
    await nextTick()
    if (view.value) scroll(view.value.scrollHeight)
    look()
  }

  /** Draws more where it runs out; `moved` says which way a person went. */
  function onScroll(): 'up' | 'down' | null {
    if (!view.value) return null
    const top = view.value.scrollTop
    const ours = Math.abs(top - set) < 1.5
    const moved = ours ? null : top < last ? 'up' : top > last ? 'down' : null
    if (!ours) set = -1
    last = top
    const found = anchor()
    const box = view.value.getBoundingClientRect()
    const rows = list.value?.children
    const outside = !rows?.length || rows[0]!.getBoundingClientRect().top > box.bottom || rows[rows.length - 1]!.getBoundingClientRect().bottom < box.top
    if (outside) {
      // So far that nothing of it is drawn: by its height, then.
      void show(Math.max(0, Math.min(keys().length - 1, Math.floor(top / height))), 0)
    } else if (found) {
      look()
      const nearTop = from.value > 0 && seen.value[0] - from.value < NEAR
      const nearEnd = to.value < keys().length && to.value - seen.value[1] < NEAR
      if (nearTop || nearEnd) void show(found.index, found.top)
    }
    return moved
  }

  const atEnd = () => !view.value || view.value.scrollHeight - view.value.scrollTop - view.value.clientHeight < 4

  // Before the rows change, what is looked at is remembered; after it, it is put back.
  watch(
    keys,
    async (now, earlier) => {
      if (stick() || !earlier?.length) return showEnd()
      const found = anchor()
      if (!found) return showEnd()
      const index = now.indexOf(found.key)
      if (index >= 0) return show(index, found.top)
      // It was trimmed away: the first of those behind it that is left.
      for (let at = found.index + 1; at < earlier.length; at++) {
        const left = now.indexOf(earlier[at]!)
        if (left >= 0) return show(left, found.top)
      }
      return show(Math.max(0, now.length - fits()), 0)
    },
    { flush: 'pre' },
  )

  onMounted(() => {
    void showEnd()
    if (!view.value) return
    size = new ResizeObserver(() => (stick() ? void showEnd() : look()))
    size.observe(view.value)
  })
  onBeforeUnmount(() => size?.disconnect())

  return { from, to, before, behind, seen, show, showEnd, onScroll, atEnd, anchor }
}
