// Text that is pasted or typed as commands. A line is a command; one that ends in a backslash goes on in the next.

/** Commands of a text, as they are typed in a task's field. Blank lines are air. */
export function commandsOf(text: string): string[] {
  const commands: string[] = []
  let open: string | null = null
  for (const raw of text.replace(/\r\n?/g, '\n').split('\n')) {
    const line: string = open === null ? raw.trim() : raw.trimEnd()
    const whole: string = open === null ? line : `${open}\n${line}`
    if (goesOn(line)) open = whole
    else {
      open = null
      if (whole !== '') commands.push(whole)
    }
  }
  if (open !== null) commands.push(open)
  return commands
}

/** An odd number of backslashes at the end: an even one is text. */
function goesOn(line: string): boolean {
  return (/\\+$/.exec(line)?.[0].length ?? 0) % 2 === 1
}

export const textOf = (commands: readonly string[]): string => commands.join('\n')

/** What a pasted text would become. */
export interface Pasted {
  /** The commands of each task to be. */
  tasks: string[][]
  /** Comment lines, which are left out. */
  comments: number
}

/** `each`: every line a task; `together`: one task of all lines. */
export type Grouping = 'each' | 'together'

export function pasted(text: string, grouping: Grouping): Pasted {
  const all = commandsOf(text)
  const commands = all.filter((command) => !command.startsWith('#'))
  const tasks = grouping === 'each' ? commands.map((command) => [command]) : commands.length ? [commands] : []
  return { tasks, comments: all.length - commands.length }
}

/** Whether a pasted text is more than one command. */
export const isSeveral = (text: string): boolean => commandsOf(text).length > 1
