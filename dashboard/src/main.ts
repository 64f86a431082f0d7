// Where the page begins.
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { setSurroundings } from '@/api'
import { setDaemonTime } from '@/composables/clock'
import App from '@/frame/App.vue'
import { makeRouter } from '@/frame/router'
import { startWords } from '@/i18n'
import { useLive } from '@/stores/live'
import { usePreferences } from '@/stores/preferences'
import { useSession } from '@/stores/session'
import '@/styles/tokens.css'
import '@/styles/base.css'

const app = createApp(App)
app.use(createPinia())
const session = useSession()
const preferences = usePreferences()
setSurroundings({
  token: () => session.token,
  language: () => preferences.language,
  onUnauthorized: () => session.lost(),
  onTime: setDaemonTime,
})
const router = makeRouter()
void session.look()
useLive().start()
void startWords().then((words) => {
  app.use(words)
  app.use(router)
  app.mount('#app')
})
