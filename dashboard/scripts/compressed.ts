// A build step: beside every file that shrinks, its brotli and gzip forms, which the daemon hands out as they are.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import type { Plugin } from 'vite'

/** What compresses well; pictures and fonts are compressed already. */
const SHRINKS = /\.(?:html|js|css|svg|json)$/

function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    return statSync(path).isDirectory() ? files(path) : [path]
  })
}

/** The plugin. It runs last, when everything is written. */
export function compressed(): Plugin {
  let out = ''
  return {
    name: 'gpuyard-compressed',
    apply: 'build',
    configResolved(config) {
      out = join(config.root, config.build.outDir)
    },
    closeBundle() {
      for (const path of files(out).filter((path) => SHRINKS.test(path))) {
        const bytes = readFileSync(path)
        const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY }
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }))
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }))
      }
    },
  }
}
