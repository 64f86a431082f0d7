// Messages as functions, made from their texts when a language is loaded: `{name}` is a value, ` | ` parts one from many.
// The library's own compiler, which knows much more, would weigh as much as a page.
import type { MessageContext, MessageFunction } from 'petite-vue-i18n'

interface Tree {
  [key: string]: string | Tree
}
interface Compiled {
  [key: string]: MessageFunction<string> | Compiled
}

function filled(text: string, context: MessageContext<string>): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(context.named(name) ?? ''))
}

function compiled(text: string): MessageFunction<string> {
  const forms = text.split(' | ')
  return (context: MessageContext<string>) => filled(forms.length > 1 ? context.plural(forms) : text, context)
}

/** All messages of a language, ready for the library. */
export function compile(tree: object): Compiled {
  return Object.fromEntries(
    Object.entries(tree as Tree).map(([key, value]) => [key, typeof value === 'string' ? compiled(value) : compile(value)]),
  )
}
