// A build step: keeps out of the first load what the words' library brings and this page never uses.
import type { Plugin } from 'vite'

const LIBRARY = /petite-vue-i18n\.runtime\.mjs$/
// It asks for all of Vue to look for one function that may be there or not; so all of Vue would be kept.
const WHOLE = "import * as Vue from 'vue';"
const PART = "import { getCurrentInstance as vueInstance } from 'vue'; const Vue = { getCurrentInstance: vueInstance };"

export function lean(): Plugin {
  return {
    name: 'gpuyard-lean',
    apply: 'build',
    transform(code, id) {
      if (!LIBRARY.test(id)) return null
      // A later version may be written in another way: then this has to be looked at again.
      if (!code.includes(WHOLE)) throw new Error(`scripts/lean.ts: ${id} no longer says ${WHOLE}`)
      return { code: code.replace(WHOLE, PART), map: null }
    },
  }
}
