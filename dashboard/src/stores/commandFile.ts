// One command file in the form: its tree, its history, and what the daemon refused. It outlives the page.
import { defineStore } from 'pinia'
import { computed, effectScope, proxyRefs, shallowRef, watch } from 'vue'
import * as commands from '@/domain/commands'
import type { Draft, Reading, Tree } from '@/domain/commands'
import { ApiFailure } from '@/domain/failure'
import { keyOf, type ConfigKey } from '@/domain/scheduler'
import { makeEdited, type Version } from './edited'

export type AboutFile = Omit<Reading, 'queues' | 'etag'>

function makeFile(key: ConfigKey) {
  let last: { a: Tree; b: Tree; found: commands.Change[] } | null = null
  /** The last answer is kept: it is asked for at each keystroke, by more than one. */
  function between(a: Tree, b: Tree): commands.Change[] {
    if (last?.a !== a || last.b !== b) last = { a, b, found: commands.changes(a, b) }
    return last.found
  }
  let fileName = ''
  function version({ queues, etag, ...about }: Reading): Version<Tree, AboutFile> {
    fileName = about.fileName
    return { value: commands.adopt([], queues), etag, about }
  }
  const edited = makeEdited<Tree, AboutFile, Draft>({
    name: `commands.${keyOf(key)}`,
    file: keyOf(key),
    empty: [],
    read: async () => version(await commands.readCommands(key)),
    async save(tree, _, etag) {
      const said = await commands.saveCommands(key, tree, etag)
      return { value: tree, etag: said.etag, about: { fileName, exists: true, findings: said.findings } }
    },
    newer(error) {
      const found = commands.newerOf(error)
      return found && version(found)
    },
    same: (a, b) => a === b || between(a, b).length === 0,
    adopt: (before, now) => (before.length ? commands.adopt(before, commands.bare(now)) : now),
    isDraft: commands.isDraft,
    pack: commands.packed,
    unpack: commands.unpacked,
  })
  const { base, mine: tree, newer } = edited
  const history = shallowRef(commands.NO_HISTORY)
  const changes = computed(() => between(base.value, tree.value))
  /** What the daemon refused: `key.field` → why. */
  const refused = shallowRef<ReadonlyMap<string, string>>(new Map())
  watch(tree, () => refused.value.size && (refused.value = new Map()))

  /** Makes an edit. `of` names the field that is typed in, so that its keystrokes are undone together. */
  function edit(next: Tree, of?: string): void {
    if (next === tree.value) return
    history.value = commands.noted(history.value, tree.value, Date.now(), of)
    tree.value = next
  }
  function step(found: { history: commands.History; tree: Tree } | undefined): void {
    if (found) ({ history: history.value, tree: tree.value } = found)
  }
  const undo = () => step(commands.undone(history.value, tree.value))
  const redo = () => step(commands.redone(history.value, tree.value))

  /** Back to the file, as it is now. */
  function discard(): void {
    edit(newer.value?.value ?? base.value)
    edited.accept()
  }
  function takeMerged(merged: Tree): void {
    edit(merged)
    edited.accept()
  }

  /** `refused`: fields are marked. */
  async function save(): Promise<'saved' | 'stale' | 'nothing' | 'refused'> {
    const sent = tree.value
    try {
      return await edited.save()
    } catch (failure) {
      if (failure instanceof ApiFailure) refused.value = marked(failure, sent)
      if (refused.value.size) return 'refused'
      throw failure
    }
  }

  return proxyRefs({ ...edited, key, tree, history, changes, refused, edit, undo, redo, discard, save, takeMerged, keepMine: edited.accept, takeTheirs: discard })
}

/** `queues[2].processes[0].memory: …` as words for a key and field of the tree that was sent. */
function marked(failure: ApiFailure, sent: Tree): Map<string, string> {
  const found = new Map<string, string>()
  for (const { field, message } of failure.errors) {
    const [, q, p, name] = /^queues\[(\d+)\](?:\.processes(?:\[(\d+)\])?)?(?:\.(\w+))?/.exec(field) ?? []
    const queue = q === undefined ? undefined : sent[Number(q)]
    const key = p === undefined ? queue?.key : queue?.tasks[Number(p)]?.key
    if (key !== undefined) found.set(`${key}.${name ?? 'tasks'}`, message)
  }
  return found
}

export type CommandFile = ReturnType<typeof makeFile>

export const useCommandFiles = defineStore('commandFiles', () => {
  const open = new Map<string, CommandFile>()
  /** The editor of a command file: the same one each time. */
  function of(key: ConfigKey): CommandFile {
    const name = keyOf(key)
    const file = open.get(name) ?? effectScope(true).run(() => makeFile(key))!
    open.set(name, file)
    return file
  }
  /** Those with changes that are not saved. */
  const unsaved = () => [...open.values()].filter(({ dirty }) => dirty)
  return { of, unsaved }
})
