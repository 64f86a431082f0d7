// What is edited beside others: clean reloads, newer versions under a draft, late saves, drafts that come back.
import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, nextTick, reactive } from 'vue'
import { ApiFailure } from '@/domain/failure'
import { FIRST_PAUSE } from './asked'
import { makeEdited, type Version } from './edited'

const around = vi.hoisted(() => ({ files: {} as Record<string, { etag: string }>, live: { returns: 0 }, session: { epoch: 0 } }))
vi.mock('./files', async () => ({ useFiles: () => ({ of: (name: string) => around.files[name] }) }))
vi.mock('./live', () => ({ useLive: () => around.live }))
vi.mock('./session', () => ({ useSession: () => around.session }))

interface Draft { etag: string | null; at: number; base: string; mine: string }
let there: Version<string, object>
let late: Version<string, object> | null
let ill: Error | null
/** Answers instead of what is there. */
let reading: (() => Promise<Version<string, object>>) | null
/** Runs while a save is under way. */
let meanwhile: (() => Promise<void>) | null
const settle = async () => {
  for (let n = 0; n < 5; n++) await nextTick()
}

function open() {
  return effectScope(true).run(() => makeEdited<string, object, Draft>({
    name: 'thing',
    file: 'thing',
    empty: '',
    read: async () => {
      if (ill) throw ill
      return reading ? reading() : there
    },
    async save(value) {
      if (late) throw new Error('late')
      there = { value, etag: `${there.etag}+`, about: {} }
      around.files.thing = { etag: there.etag! }
      const said = there
      await meanwhile?.()
      return said
    },
    newer: () => late ?? undefined,
    same: Object.is,
    adopt: (_, now) => now,
    isDraft: (value): value is Draft => typeof (value as Draft | undefined)?.mine === 'string',
    pack: (base, mine, etag, at) => ({ base, mine, etag, at }),
    unpack: ({ base, mine }) => ({ base, mine }),
  }))!
}
/** Somebody else writes the file, and the daemon tells it. */
async function written(value: string, etag: string): Promise<void> {
  there = { value, etag, about: {} }
  around.files.thing = { etag }
  await settle()
}

beforeEach(() => {
  setActivePinia(createPinia())
  localStorage.clear()
  around.files = reactive({ thing: { etag: '1' } })
  there = { value: 'a', etag: '1', about: {} }
  late = null
  ill = null
  meanwhile = null
  reading = null
})

describe('what is edited', () => {
  it('follows the file while it is clean', async () => {
    const edited = open()
    await settle()
    await written('b', '2')
    expect([edited.mine.value, edited.dirty.value, edited.newer.value, edited.reloads.value]).toEqual(['b', false, null, 1])
  })

  it('reads again by itself what could not be read while the file stays as it is', async () => {
    vi.useFakeTimers()
    ill = new ApiFailure(500, 'io', 'the disk did not answer', 'GET /api/thing')
    const edited = open()
    await vi.advanceTimersByTimeAsync(0)
    expect([edited.about.value, edited.error.value]).toEqual([null, ill])
    ill = null
    await vi.advanceTimersByTimeAsync(FIRST_PAUSE)
    expect([edited.mine.value, edited.error.value]).toEqual(['a', null])
    vi.useRealTimers()
  })

  it('keeps my changes beside a newer version, and counts them from it when I say so', async () => {
    const edited = open()
    await settle()
    edited.mine.value = 'mine'
    await written('b', '2')
    expect([edited.mine.value, edited.base.value, edited.newer.value?.value]).toEqual(['mine', 'a', 'b'])
    expect(await edited.save()).toBe('stale')
    edited.accept()
    expect([edited.mine.value, edited.base.value, edited.etag.value]).toEqual(['mine', 'b', '2'])
    expect(await edited.save()).toBe('saved')
    expect([there.value, edited.dirty.value]).toEqual(['mine', false])
  })

  it('has nothing left to save when somebody else wrote the same', async () => {
    const edited = open()
    await settle()
    edited.mine.value = 'b'
    await written('b', '2')
    expect([edited.dirty.value, edited.newer.value]).toEqual([false, null])
  })

  it('takes a refused save for what it is, and other failures for failures', async () => {
    const edited = open()
    await settle()
    edited.mine.value = 'mine'
    there = late = { value: 'theirs', etag: '9', about: {} }
    expect(await edited.save()).toBe('stale')
    await settle()
    expect([edited.newer.value?.value, edited.mine.value, edited.saving.value]).toEqual(['theirs', 'mine', false])
  })

  it('hears of a version that somebody saved right after mine, and of none from before it', async () => {
    const edited = open()
    await settle()
    edited.mine.value = 'mine'
    meanwhile = () => written('theirs', '9')
    expect(await edited.save()).toBe('saved')
    await settle()
    expect([edited.mine.value, edited.etag.value, edited.dirty.value]).toEqual(['theirs', '9', false])

    // A question from before the save is answered after it.
    let answer: (version: Version<string, object>) => void = () => {}
    reading = () => new Promise((done) => (answer = done))
    const before = there
    void edited.look()
    reading = null
    meanwhile = null
    edited.mine.value = 'mine again'
    expect(await edited.save()).toBe('saved')
    answer(before)
    await settle()
    expect([edited.mine.value, edited.base.value, edited.newer.value]).toEqual(['mine again', 'mine again', null])
  })

  it('brings a draft back, beside the file as it is by then', async () => {
    const first = open()
    await settle()
    first.mine.value = 'mine'
    first.keep()
    const same = open()
    await settle()
    expect([same.mine.value, same.dirty.value, same.newer.value]).toEqual(['mine', true, null])
    there = { value: 'b', etag: '2', about: {} }
    const later = open()
    await settle()
    expect([later.mine.value, later.base.value, later.newer.value?.value]).toEqual(['mine', 'a', 'b'])
    later.accept()
    later.mine.value = 'b'
    later.keep()
    expect(Object.keys(localStorage).filter((key) => key.includes('draft'))).toEqual([])
  })

  it('offers what another tab left behind, and forgets it', async () => {
    localStorage.setItem('gpuyard.draft.thing@other', JSON.stringify({ etag: '1', at: 1, base: 'a', mine: 'left' }))
    const edited = open()
    await settle()
    expect([edited.mine.value, edited.others.value.length]).toEqual(['a', 1])
    edited.adoptDraft(edited.others.value[0]!.slot)
    expect([edited.mine.value, edited.dirty.value, edited.others.value.length]).toEqual(['left', true, 0])
  })
})
