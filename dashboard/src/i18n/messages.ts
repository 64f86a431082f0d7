// Messages as functions, made from their texts when a language is loaded: `{name}` is a value, ` | ` parts one from many.
// The library's own compiler, which knows much more, would weigh as much as a page.
import type { MessageContext, MessageFunction } from 'petite-vue-i18n'

interface Tree {
  [key: string]: string | Tree
}
/** By its whole key: `top.live`. The library looks no deeper. */
type Compiled = Record<string, MessageFunction<string>>

function filled(text: string, context: MessageContext<string>): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(context.named(name) ?? ''))
}

function compiled(text: string): MessageFunction<string> {
  const forms = text.split(' | ')
  return (context: MessageContext<string>) => filled(forms.length > 1 ? context.plural(forms) : text, context)
}

/** All messages of a language, ready for the library. */
export function compile(tree: object, path = ''): Compiled {
  const all: Compiled = {}
  for (const [key, value] of Object.entries(tree as Tree)) {
    if (typeof value === 'string') all[path + key] = compiled(value)
    else Object.assign(all, compile(value, `${path}${key}.`))
  }
  return all
}
