// Something that is edited here and can be changed elsewhere: what stands in the file, what I made of it, what others made of it
// meanwhile, and the draft that outlives the page. Values are never changed in place.
import { computed, ref, shallowRef, watch } from 'vue'
import { makeAsked } from './asked'
import { draftSlot } from './drafts'
import { useFiles } from './files'
import { useLive } from './live'
import { useSession } from './session'

/** A version of a file: its value, and what else is told about it. */
export interface Version<T, About> {
  value: T
  etag: string | null
  about: About
}

/** How one kind of thing is read, saved, compared and kept. */
export interface Kind<T, About, Draft extends { etag: string | null; at: number }> {
  /** Of the draft. */
  name: string
  /** Key in the topic `files`. */
  file: string
  empty: T
  read(): Promise<Version<T, About>>
  save(value: T, base: T, etag: string | null): Promise<Version<T, About>>
  /** The version that a refused save came upon. */
  newer(error: unknown): Version<T, About> | undefined
  same(a: T, b: T): boolean
  /** A new reading, with the keys of the one before. */
  adopt(before: T, now: T): T
  isDraft(value: unknown): value is Draft
  pack(base: T, mine: T, etag: string | null, at: number): Draft
  unpack(draft: Draft, now: T): { base: T; mine: T }
}

/** `stale`: somebody else saved first. */
export type SaveEnd = 'saved' | 'stale' | 'nothing'

/** Milliseconds after the last change until the draft is written down. */
const KEEP_AFTER = 400

export function makeEdited<T, About, Draft extends { etag: string | null; at: number }>(kind: Kind<T, About, Draft>) {
  const files = useFiles()
  const live = useLive()
  const session = useSession()
  const slot = draftSlot<Draft>(kind.name, kind.isDraft)

  const base = shallowRef<T>(kind.empty)
  const mine = shallowRef<T>(kind.empty)
  const etag = ref<string | null>(null)
  /** Null until it was read. */
  const about = shallowRef<About | null>(null)
  /** The file as somebody else left it, while I have changes of the one before. */
  const newer = shallowRef<Version<T, About> | null>(null)
  /** Counts the times that somebody else's version came in without a clash. */
  const reloads = ref(0)
  const saving = ref(false)
  /** The browser has no room for the draft. */
  const unkept = ref(false)
  const others = shallowRef(slot.others())
  const dirty = computed(() => !kind.same(base.value, mine.value))

  /** From here on, changes are counted from this version. */
  function rest(version: Version<T, About>): void {
    base.value = version.value
    etag.value = version.etag
    about.value = version.about
    newer.value = null
  }
  function take(found: Version<T, About>): void {
    const version = { ...found, value: kind.adopt(base.value, found.value) }
    const known = about.value !== null
    if (known && dirty.value && !kind.same(version.value, mine.value)) {
      newer.value = version
      return
    }
    if (known) reloads.value++
    rest(version)
    mine.value = version.value
  }
  /** Puts a draft beside the file as it is now. */
  function restore(found: Version<T, About>, draft: Draft): void {
    const parts = kind.unpack(draft, kind.adopt(kind.empty, found.value))
    base.value = parts.base
    mine.value = parts.mine
    etag.value = draft.etag
    about.value = found.about
    const version = { ...found, value: kind.adopt(parts.base, found.value) }
    if (draft.etag === found.etag || !dirty.value) rest(version)
    else newer.value = version
    if (!dirty.value) mine.value = base.value
  }

  const { error, ask: look } = makeAsked(kind.read, (found) => {
    // What comes while a save is under way is older than what it will say.
    if (saving.value) return
    const draft = about.value === null ? slot.read() : undefined
    if (draft) restore(found, draft)
    else if (about.value === null || found.etag !== (newer.value ?? { etag: etag.value }).etag) take(found)
    // The same version, told in another language.
    else if (!newer.value) about.value = found.about
  })
  watch(
    [() => session.epoch, () => live.returns, () => files.of(kind.file)?.etag],
    ([epoch, , now], [before]: readonly unknown[] = []) => {
      const known = (newer.value ?? { etag: etag.value }).etag
      if (now === undefined || epoch !== before || now !== known) void look()
    },
    { immediate: true },
  )

  async function save(): Promise<SaveEnd> {
    if (!dirty.value || saving.value) return 'nothing'
    if (newer.value) return 'stale'
    saving.value = true
    const sent = mine.value
    let end: SaveEnd
    try {
      const version = await kind.save(sent, base.value, etag.value)
      // What was typed meanwhile stays, as a change of what was saved.
      if (mine.value === sent) mine.value = version.value
      rest(version)
      end = 'saved'
    } catch (failure) {
      const found = kind.newer(failure)
      if (!found) throw failure
      newer.value = { ...found, value: kind.adopt(base.value, found.value) }
      end = 'stale'
    } finally {
      saving.value = false
    }
    // What was read meanwhile is dropped, and what is being read may be older than this; somebody may have saved after it.
    void look()
    return end
  }
  /** The newer version is what my changes are counted from. */
  function accept(): void {
    if (newer.value) rest(newer.value)
  }

  let timer: ReturnType<typeof setTimeout> | undefined
  function keep(): void {
    clearTimeout(timer)
    if (about.value === null) return
    unkept.value = !slot.write(dirty.value ? kind.pack(base.value, mine.value, etag.value, Date.now()) : undefined)
  }
  watch([mine, base], () => {
    clearTimeout(timer)
    timer = setTimeout(keep, KEEP_AFTER)
  })
  addEventListener('pagehide', keep)

  /** Takes up what another tab left behind. */
  function adoptDraft(from: string): void {
    const found = others.value.find((one) => one.slot === from)
    if (found && about.value !== null) restore({ value: base.value, etag: etag.value, about: about.value }, found.draft)
    forgetDraft(from)
  }
  function forgetDraft(from: string): void {
    slot.forget(from)
    others.value = slot.others()
  }

  return { base, mine, etag, about, error, newer, reloads, saving, unkept, others, dirty, look, save, accept, keep, adoptDraft, forgetDraft }
}
