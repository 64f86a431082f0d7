// How the dashboard is built: below /ui/, compressed once, here, and never when it is asked for.
import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'
import { compressed } from './scripts/compressed.ts'
import { lean } from './scripts/lean.ts'

// In development the page's own server forwards the API: the daemon answers no other origin.
const daemon = process.env.GPUYARD_URL ?? 'http://127.0.0.1:29214'

export default defineConfig({
  base: '/ui/',
  plugins: [vue(), lean(), compressed()],
  resolve: {
    alias: {
      '@': fileURLToPath(new URL('./src', import.meta.url)),
      // Without its compiler: src/i18n/messages.ts has what these messages need.
      '@intlify/message-compiler': fileURLToPath(new URL('./src/i18n/compiler.ts', import.meta.url)),
      'petite-vue-i18n': fileURLToPath(new URL('./node_modules/petite-vue-i18n/dist/petite-vue-i18n.runtime.mjs', import.meta.url)),
    },
  },
  define: { __INTLIFY_PROD_DEVTOOLS__: 'false', __VUE_OPTIONS_API__: 'false' },
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
  server: { proxy: { '/api': { target: daemon, ws: true, changeOrigin: true } } },
  test: { environment: 'happy-dom', include: ['src/**/*.test.ts', 'tests/**/*.test.ts'] },
})
