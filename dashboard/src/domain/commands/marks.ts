// How a run's tasks stand, told of the tasks of the file that it runs. Known by queue, order and commands.
import type { Task as RunTask } from '@/domain/scheduler'
import { pairs } from './align'
import type { Queue } from './tree'

const said = (task: { commands: readonly string[] }): string => task.commands.join('\n')

/** The run's task behind each task of a queue, by key. What was put in since, or never ran, has none. */
export function marksOf(queue: Queue, run: readonly RunTask[]): Map<number, RunTask> {
  const [file, running] = [queue.tasks.map(said), run.map(said)]
  const identical = file.length === running.length && file.every((text, at) => text === running[at])
  const found = identical ? file.map((_, at): [number, number] => [at, at]) : pairs(file, running)
  return new Map(found.map(([i, j]) => [queue.tasks[i]!.key, run[j]!]))
}
