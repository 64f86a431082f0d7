// A file of values by name in the editor: the rules, the settings.
import { proxyRefs, shallowRef, watch, computed } from 'vue'
import { ApiFailure } from '@/domain/failure'
import { changedNames, mergeValues, type Values } from '@/domain/record'
import { makeEdited, type Version } from './edited'

interface RecordDraft {
  etag: string | null
  at: number
  base: Values
  mine: Values
}
const isRecord = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value)
const isDraft = (value: unknown): value is RecordDraft => {
  const draft = value as RecordDraft | null
  return isRecord(draft?.base) && isRecord(draft.mine) && typeof draft.at === 'number'
}

export interface RecordKind<About> {
  name: 'rules' | 'settings'
  read(): Promise<Version<Values, About>>
  save(mine: Values, base: Values, etag: string | null): Promise<Version<Values, About>>
  newer(error: unknown): Version<Values, About> | undefined
}

export function makeRecord<About>(kind: RecordKind<About>) {
  const edited = makeEdited<Values, About, RecordDraft>({
    ...kind,
    file: kind.name,
    empty: {},
    same: (a, b) => changedNames(a, b).length === 0,
    adopt: (_, now) => now,
    isDraft,
    pack: (base, mine, etag, at) => ({ etag, at, base, mine }),
    unpack: ({ base, mine }) => ({ base, mine }),
  })
  const { base, mine, newer } = edited
  const changed = computed(() => changedNames(base.value, mine.value))
  /** What the daemon refused, by name. */
  const refused = shallowRef<ReadonlyMap<string, string>>(new Map())

  function set(name: string, value: unknown): void {
    mine.value = { ...mine.value, [name]: value }
    if (refused.value.has(name)) refused.value = new Map([...refused.value].filter(([one]) => one !== name))
  }
  function discard(): void {
    mine.value = newer.value?.value ?? base.value
    refused.value = new Map()
    edited.accept()
  }
  function merge(clashes: ReadonlyMap<string, 'mine' | 'theirs'>): void {
    const theirs = newer.value?.value
    if (!theirs) return
    const merged = mergeValues(base.value, mine.value, theirs)
    const taken = merged.clashes.filter((name) => clashes.get(name) === 'theirs').map((name) => [name, theirs[name]])
    mine.value = { ...merged.values, ...Object.fromEntries(taken) }
    edited.accept()
  }
  async function save(): Promise<'saved' | 'stale' | 'nothing' | 'refused'> {
    try {
      const end = await edited.save()
      refused.value = new Map()
      return end
    } catch (failure) {
      if (failure instanceof ApiFailure && failure.errors.length) {
        refused.value = new Map(failure.errors.map(({ field, message }) => [field, message]))
        return 'refused'
      }
      throw failure
    }
  }
  // A new version may have mended what was refused.
  watch(base, () => (refused.value = new Map()))

  return proxyRefs({ ...edited, changed, refused, set, discard, merge, save, keepMine: edited.accept })
}

export type RecordFile<About = unknown> = ReturnType<typeof makeRecord<About>>
