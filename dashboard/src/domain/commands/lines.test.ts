// Pasted text as commands and tasks.
import { describe, expect, it } from 'vitest'
import { commandsOf, isSeveral, pasted, textOf } from './lines'

describe('lines', () => {
  it('are commands; blank ones are air; a backslash goes on in the next', () => {
    expect(commandsOf('  a  \r\n\n b --x \\\n   --y\nc\\\\\nd')).toEqual(['a', 'b --x \\\n   --y', 'c\\\\', 'd'])
    expect(commandsOf(' \n')).toEqual([])
    expect(commandsOf('a \\')).toEqual(['a \\'])
  })
  it('come back as they were', () => {
    const commands = ['a \\\n  b', 'c']
    expect(commandsOf(textOf(commands))).toEqual(commands)
  })
  it('become tasks, each or together, and comments are counted', () => {
    const text = '# four seeds\npython train.py --seed 1\npython train.py --seed 2\n'
    expect(pasted(text, 'each')).toEqual({ tasks: [['python train.py --seed 1'], ['python train.py --seed 2']], comments: 1 })
    expect(pasted(text, 'together').tasks).toEqual([['python train.py --seed 1', 'python train.py --seed 2']])
    expect(pasted('# only\n', 'together')).toEqual({ tasks: [], comments: 1 })
    expect([isSeveral('a\n'), isSeveral('a\nb'), isSeveral('a \\\nb')]).toEqual([false, true, false])
  })
})
