// Addresses. Each page is a file of its own, fetched when it is first opened; Back finds the scroll where it was.
import { createRouter, createWebHistory, type Router } from 'vue-router'
import { allWords } from '@/i18n'

declare module 'vue-router' {
  interface RouteMeta {
    /** Without rail and bar. */
    bare?: boolean
    /** It has the words it needs from the start. */
    first?: boolean
  }
}

/** Lists come after their page: Back waits until the page is as long as it was, or until it is plain that it will not be. */
const LONGEST_WAIT = 2000
async function long(enough: number): Promise<void> {
  const until = performance.now() + LONGEST_WAIT
  do await new Promise((resolve) => requestAnimationFrame(resolve))
  while (document.documentElement.scrollHeight < enough && performance.now() < until)
}

export function makeRouter(): Router {
  const router = createRouter({
    history: createWebHistory('/ui/'),
    routes: [
      { path: '/', redirect: '/gpu' },
      { path: '/login', component: () => import('@/views/login/LoginPage.vue'), meta: { bare: true, first: true } },
      { path: '/gpu', component: () => import('@/views/gpu/GpuPage.vue'), meta: { first: true } },
      { path: '/processes', component: () => import('@/views/processes/ProcessPage.vue') },
      { path: '/command', component: () => import('@/views/command/CommandPage.vue') },
      { path: '/state', component: () => import('@/views/state/StatePage.vue') },
      { path: '/tasks', component: () => import('@/views/tasks/TasksPage.vue') },
      { path: '/tasks/new', component: () => import('@/views/tasks/NewTaskPage.vue') },
      { path: '/tasks/:id(\\d+)', component: () => import('@/views/tasks/TaskPage.vue') },
      { path: '/logs/:rest(.*)*', component: () => import('@/views/logs/LogPage.vue') },
      { path: '/rule', component: () => import('@/views/rule/RulePage.vue') },
      { path: '/setting', component: () => import('@/views/setting/SettingPage.vue') },
      { path: '/:rest(.*)*', component: () => import('@/views/NotFound.vue') },
    ],
    async scrollBehavior(to, from, saved) {
      if (saved) {
        await long(saved.top + innerHeight)
        return saved
      }
      return to.path === from.path ? undefined : { top: 0 }
    },
  })
  // Words are fetched beside the page itself, and waited for with it.
  router.beforeEach((to) => {
    if (!to.meta.first) allWords().catch(() => undefined)
  })
  router.beforeResolve(async (to) => {
    if (!to.meta.first) await allWords()
  })
  return router
}
