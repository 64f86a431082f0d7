// What Ctrl-K finds: pages, actions, GPUs, tasks, processes; and how well each fits what was typed.
import { Activity, Contrast, Cpu, Gpu, Languages, LogOut, Play, Plus, Rocket, Square } from '@lucide/vue'
import { refDebounced } from '@vueuse/core'
import { computed, type Component, type Ref } from 'vue'
import { useRouter } from 'vue-router'
import { useGpus } from '@/composables/gpus'
import { useLoaded } from '@/composables/loaded'
import { useRunActions } from '@/composables/runActions'
import { useTaskWords } from '@/composables/tasks'
import { processesOf } from '@/domain/gpu'
import { configOf, readRunning } from '@/domain/scheduler'
import { readTasks } from '@/domain/tasks'
import { useWords, type Key } from '@/i18n'
import { THEMES, usePreferences } from '@/stores/preferences'
import { useRuns } from '@/stores/runs'
import { useSession } from '@/stores/session'
import { PAGES } from './pages'

export interface Find {
  id: string
  group: Key
  icon: Component
  label: string
  /** Beside the label, lighter. */
  hint?: string
  /** Found by as well, and not shown. */
  also?: string
  run(): void
}

/** At most so many of one group are shown; a longer word finds the rest. */
const MOST = 8
/** Milliseconds of rest before the daemon is asked for ad-hoc tasks: there may be a hundred thousand. */
const ASK_AFTER = 120

const wordsOf = (text: string): string[] => text.toLowerCase().split(/\s+/).filter(Boolean)

/** `typed`: what is looked for. */
export function useFinds(typed: Ref<string>) {
  const t = useWords()
  const router = useRouter()
  const preferences = usePreferences()
  const session = useSession()
  const runs = useRuns()
  const names = useTaskWords()
  const { start, stop } = useRunActions()
  const { report } = useGpus()
  const running = useLoaded((signal) => readRunning(signal))

  // The daemon looks for one word; all of them must be in what it finds.
  const asked = refDebounced(computed(() => wordsOf(typed.value).reduce((longest, word) => (word.length > longest.length ? word : longest), '')), ASK_AFTER)
  const adhocFound = useLoaded(async (signal) => (asked.value ? (await readTasks({ q: asked.value }, undefined, signal, 4 * MOST)).tasks : []), [asked])

  const pages = computed<Find[]>(() => PAGES.map((page) => ({ id: page.path, group: 'palette.pages', icon: page.icon, label: t(page.name), also: page.path, run: () => void router.push(page.path) })))

  const actions = computed<Find[]>(() => {
    const found: Find[] = [...(runs.heads ?? [])].flatMap(([key, head]) => {
      const config = configOf(key)
      if (!config) return []
      const name = names.config(config)
      return head.running
        ? [{ id: `stop ${key}`, group: 'palette.actions', icon: Square, label: t('palette.stop', { config: name }), also: 'stop', run: () => void stop(head.run, 'stop', null) }]
        : [{ id: `start ${key}`, group: 'palette.actions', icon: Play, label: t('palette.start', { config: name }), also: 'start', run: () => void start(config, false) }]
    })
    found.push({ id: 'new task', group: 'palette.actions', icon: Plus, label: t('palette.newTask'), also: 'new task submit 新建 提交 任务', run: () => void router.push('/tasks/new') })
    for (const theme of THEMES) {
      if (theme !== preferences.theme) found.push({ id: `theme ${theme}`, group: 'palette.actions', icon: Contrast, label: t('palette.theme', { theme: t(`top.${theme}`) }), also: `theme ${theme}`, run: () => (preferences.theme = theme) })
    }
    found.push({ id: 'language', group: 'palette.actions', icon: Languages, label: t('palette.language'), also: 'language 语言 english 中文', run: () => (preferences.language = preferences.language === 'en' ? 'zh-CN' : 'en') })
    if (session.token) found.push({ id: 'logout', group: 'palette.actions', icon: LogOut, label: t('top.logout'), also: 'logout', run: () => void session.leave() })
    return found
  })

  const gpus = computed<Find[]>(() => (report.value?.gpus ?? []).map((gpu) => ({
    id: gpu.uuid, group: 'palette.gpus', icon: Gpu, label: `GPU ${gpu.index}`, hint: gpu.name ?? undefined, also: `gpu${gpu.index}`,
    run: () => void router.push({ path: '/gpu', query: { gpu: gpu.index } }),
  })))

  const tasks = computed<Find[]>(() => (running.data.value ?? []).flatMap((run) => {
    const config = names.config({ mode: run.mode, index: run.config_index })
    return Object.values(run.queues).flatMap((queue) => queue.processes.map((task) => ({
      id: task.task_id, group: 'palette.tasks' as const, icon: Activity, label: task.commands[0] ?? '', also: `${task.commands.join('\n')} ${task.task_id}`,
      hint: t('palette.task', { config, queue: queue.id, n: task.index + 1 }),
      run: () => void router.push({ path: '/state', query: { run: run.run_id, task: task.task_id } }),
    })))
  }))

  const adhoc = computed<Find[]>(() => (adhocFound.data.value ?? []).map((task) => ({
    id: `task ${task.id}`, group: 'palette.adhoc', icon: Rocket, label: task.name, hint: [t('gpu.adhoc', { id: task.id }), task.brief].filter((one) => one !== task.name).join(' · '),
    also: `#${task.id} ${task.tags.join(' ')} ${task.created_by ?? ''}`, run: () => void router.push(`/tasks/${task.id}`),
  })))

  const processes = computed<Find[]>(() => processesOf(report.value?.gpus ?? []).map((one) => ({
    id: one.key, group: 'palette.processes', icon: Cpu, label: `PID ${one.pid}`, hint: [one.username, one.command ?? one.name].filter(Boolean).join(' · '),
    run: () => void router.push({ path: '/processes', query: { q: String(one.pid) } }),
  })))

  const texts = new WeakMap<Find, string>()
  function textOf(find: Find): string {
    let text = texts.get(find)
    if (text === undefined) texts.set(find, (text = `${find.label}\n${find.hint ?? ''}\n${find.also ?? ''}`.toLowerCase()))
    return text
  }

  /** What is called so comes before what is only found by it. */
  function worth({ label }: Find, words: string[]): number {
    const name = label.toLowerCase()
    return Number(words.every((word) => name.includes(word))) + Number(name.startsWith(words[0] ?? ''))
  }

  /** What fits, by group; without a word, what does not depend on one. */
  const groups = computed<{ group: Key; finds: Find[] }[]>(() => {
    const words = wordsOf(typed.value)
    const lists = words.length ? [pages, actions, gpus, tasks, adhoc, processes] : [pages, actions]
    return lists.flatMap(({ value }) => {
      const fits = value.filter((one) => words.every((word) => textOf(one).includes(word)))
      fits.sort((a, b) => worth(b, words) - worth(a, words))
      return fits[0] ? [{ group: fits[0].group, finds: fits.slice(0, words.length ? MOST : 20) }] : []
    })
  })
  return { groups }
}
