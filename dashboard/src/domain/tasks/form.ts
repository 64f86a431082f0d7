// The form of a new task as it is written, and the task that it means.
import type { AdhocTask, NewTask } from '.'
import { matrixOf, type Axis } from './sweep'

/** Everything as text, as it stands in its field. */
export interface TaskForm {
  name: string
  command: string
  gpu_type: string
  gpu_count: string
  memory: string
  priority: string
  work_dir: string
  /** `NAME=value`, a line each. */
  environment: string
  /** Minutes. */
  timeout: string
  retries: string
  depends_on: string
  /** As the browser's field has it: without a zone. */
  not_before: string
  tags: string
  created_by: string
  axes: Axis[]
}

export const EMPTY: TaskForm = {
  name: '', command: '', gpu_type: 'any', gpu_count: '1', memory: '', priority: '0', work_dir: '', environment: '',
  timeout: '', retries: '0', depends_on: '', not_before: '', tags: '', created_by: '', axes: [],
}

/** What is wrong with a field: a key of the words. */
export type Trouble = 'empty' | 'count' | 'number' | 'whole' | 'ids' | 'pairs' | 'absolute' | 'axis'

const words = (text: string) => text.split(/[\s,，、]+/).filter(Boolean)

/** Checks what can be told here; the daemon checks it all again. */
export function troubles(form: TaskForm): Partial<Record<keyof TaskForm, Trouble>> {
  const found: Partial<Record<keyof TaskForm, Trouble>> = {}
  if (!form.command.trim()) found.command = 'empty'
  if (!/^\s*[1-9]\d{0,3}\s*$/.test(form.gpu_count)) found.gpu_count = 'count'
  for (const field of ['memory', 'timeout'] as const) if (form[field].trim() && !(Number(form[field]) > 0)) found[field] = 'number'
  if (!/^\s*-?\d{1,9}\s*$/.test(form.priority)) found.priority = 'whole'
  if (!/^\s*\d{1,6}\s*$/.test(form.retries)) found.retries = 'whole'
  if (!words(form.depends_on).every((id) => /^#?[1-9]\d{0,15}$/.test(id))) found.depends_on = 'ids'
  if (form.work_dir.trim() && !form.work_dir.trim().startsWith('/')) found.work_dir = 'absolute'
  if (!lines(form.environment).every((line) => /^[A-Za-z_]\w*=/.test(line))) found.environment = 'pairs'
  if (form.axes.some(({ name, values }) => (name.trim() || values.trim()) && (!/^\s*[A-Za-z_]\w*\s*$/.test(name) || !values.trim()))) found.axes = 'axis'
  return found
}

const lines = (text: string) => text.split('\n').map((line) => line.trim()).filter(Boolean)
const orNull = (text: string) => text.trim() || null
const number = (text: string) => (text.trim() ? Number(text) : null)

/** The task that a form without troubles means: one, or with a matrix many. */
export const taskOf = (form: TaskForm): NewTask => ({ ...fieldsOf(form), matrix: matrixOf(form.axes) })

/** The same as a change of a task that is there: that is always one. */
export function fieldsOf(form: TaskForm): Omit<NewTask, 'matrix'> {
  const environment = Object.fromEntries(lines(form.environment).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
  const minutes = number(form.timeout)
  return {
    name: orNull(form.name),
    command: form.command,
    gpu_type: form.gpu_type,
    gpu_count: Number(form.gpu_count),
    memory: number(form.memory),
    priority: Number(form.priority),
    work_dir: orNull(form.work_dir),
    environment,
    timeout: minutes === null ? null : minutes * 60,
    retries: Number(form.retries),
    depends_on: words(form.depends_on).map((id) => Number(id.replace('#', ''))),
    not_before: form.not_before ? new Date(form.not_before).toISOString() : null,
    tags: words(form.tags),
    created_by: orNull(form.created_by),
  }
}

/** The form of a task that is there, or of a copy of one. */
export function formOf(task: NewTask | AdhocTask): TaskForm {
  const text = (value: string | number | null | undefined) => (value == null ? '' : String(value))
  return {
    name: text(task.name),
    command: text(task.command),
    gpu_type: task.gpu_type ?? 'any',
    gpu_count: text(task.gpu_count ?? 1),
    memory: text(task.memory),
    priority: text(task.priority ?? 0),
    work_dir: text(task.work_dir),
    environment: Object.entries(task.environment ?? {}).map(([name, value]) => `${name}=${value}`).join('\n'),
    timeout: task.timeout == null ? '' : text(Math.round((task.timeout / 60) * 1000) / 1000),
    retries: text(task.retries ?? 0),
    depends_on: (task.depends_on ?? []).join(' '),
    not_before: task.not_before ? localTime(new Date(task.not_before)) : '',
    tags: (task.tags ?? []).join(' '),
    created_by: text(task.created_by),
    axes: Object.entries(('matrix' in task && task.matrix) || {}).map(([name, values]) => ({ name, values: values.join(', ') })),
  }
}

/** `2026-11-26T14:03`, in the browser's zone. */
export function localTime(at: Date): string {
  const two = (n: number) => String(n).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`
}

/** A form of its own: whoever writes in one does not write in the other. */
export const copyOf = (form: TaskForm): TaskForm => ({ ...form, axes: form.axes.map((axis) => ({ ...axis })) })

export const same = (a: TaskForm, b: TaskForm): boolean => JSON.stringify(a) === JSON.stringify(b)
