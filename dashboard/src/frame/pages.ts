// The pages of the rail, in its order; the number is the key that goes there.
import { Activity, Cpu, ListTree, MonitorCog, Rocket, Settings, SlidersHorizontal } from '@lucide/vue'
import type { Component } from 'vue'
import type { Key } from '@/i18n'

export interface Page {
  path: string
  name: Key
  icon: Component
}

export const PAGES: readonly Page[] = [
  { path: '/gpu', name: 'nav.gpu', icon: MonitorCog },
  { path: '/processes', name: 'nav.processes', icon: Cpu },
  { path: '/command', name: 'nav.command', icon: ListTree },
  { path: '/state', name: 'nav.state', icon: Activity },
  { path: '/tasks', name: 'nav.tasks', icon: Rocket },
  { path: '/rule', name: 'nav.rule', icon: SlidersHorizontal },
  { path: '/setting', name: 'nav.setting', icon: Settings },
]
