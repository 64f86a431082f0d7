// One command file as text. What is typed is checked by the daemon's own parser.
import { defineStore } from 'pinia'
import { effectScope, proxyRefs, shallowReactive, shallowRef, watch } from 'vue'
import * as commands from '@/domain/commands'
import { mergeTexts } from '@/domain/compare'
import { keyOf, type ConfigKey } from '@/domain/scheduler'
import { makeAsked } from './asked'
import { makeEdited, type Version } from './edited'

interface TextDraft {
  etag: string | null
  at: number
  base: string
  mine: string
}
const isDraft = (value: unknown): value is TextDraft => {
  const draft = value as TextDraft | null
  return typeof draft?.base === 'string' && typeof draft.mine === 'string' && typeof draft.at === 'number'
}

/** What the parser says of the text that is there. */
export interface Checked {
  findings: commands.Finding[]
  queues: number
  tasks: number
}

/** Milliseconds of rest before the parser is asked. */
const CHECK_AFTER = 300

function makeText(key: ConfigKey) {
  const about = {}
  const version = (said: commands.FileText): Version<string, object> => ({ value: said.text, etag: said.etag ?? null, about })
  const edited = makeEdited<string, object, TextDraft>({
    name: `text.${keyOf(key)}`,
    file: keyOf(key),
    empty: '',
    read: async () => version(await commands.readText(key)),
    async save(text, _, etag) {
      const said = await commands.saveText(key, text, etag)
      return { value: text, etag: said.etag, about }
    },
    newer(error) {
      const found = commands.newerText(error)
      return found && version(found)
    },
    same: Object.is,
    adopt: (_, now) => now,
    isDraft,
    pack: (base, mine, etag, at) => ({ base, mine, etag, at }),
    unpack: ({ base, mine }) => ({ base, mine }),
  })
  const { mine, newer } = edited

  /** Null while it is not known. */
  const checked = shallowRef<Checked | null>(null)
  const asked = makeAsked((signal) => commands.checkText(key, mine.value, signal), (said) => {
    const tasks = said.queues.reduce((sum, queue) => sum + queue.processes.length, 0)
    checked.value = { findings: said.findings, queues: said.queues_count, tasks }
  })
  let timer: ReturnType<typeof setTimeout> | undefined
  async function check(): Promise<void> {
    clearTimeout(timer)
    await asked.ask()
  }
  watch([mine, edited.about], ([, there]) => {
    if (there === null) return
    asked.stop()
    checked.value = null
    clearTimeout(timer)
    timer = setTimeout(() => void check(), CHECK_AFTER)
  })

  function type(text: string): void {
    mine.value = text
  }
  function takeTheirs(): void {
    mine.value = newer.value?.value ?? edited.base.value
    edited.accept()
  }
  /** Says in how many places both had changed the same. */
  function takeMerged(note: (line: string) => string): number {
    if (!newer.value) return 0
    const merged = mergeTexts(edited.base.value, mine.value, newer.value.value, note)
    mine.value = merged.text
    edited.accept()
    return merged.clashes
  }
  return proxyRefs({ ...edited, key, checked, checkError: asked.error, check, type, discard: takeTheirs, takeTheirs, takeMerged, keepMine: edited.accept })
}

export type FileText = ReturnType<typeof makeText>

export const useFileTexts = defineStore('fileTexts', () => {
  const open = shallowReactive(new Map<string, FileText>())
  function of(key: ConfigKey): FileText {
    const name = keyOf(key)
    const text = open.get(name) ?? effectScope(true).run(() => makeText(key))!
    open.set(name, text)
    return text
  }
  /** Those with changes that are not saved. */
  const unsaved = () => [...open.values()].filter(({ dirty }) => dirty)
  /** Whether this one has. */
  const dirty = (key: ConfigKey): boolean => open.get(keyOf(key))?.dirty ?? false
  return { of, unsaved, dirty }
})
