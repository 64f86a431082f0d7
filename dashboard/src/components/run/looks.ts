// How states of runs, queues and tasks look: a tone and an icon; the word is in the language files.
import { Ban, Check, CircleAlert, CirclePause, CircleStop, Clock, Hourglass, LoaderCircle, Play, RotateCw, SkipForward } from '@lucide/vue'
import type { Component } from 'vue'
import type { Tone } from '@/components/StatusBadge.vue'
import type { QueueHead, RunState, TaskState } from '@/domain/scheduler'

interface Look {
  tone: Tone
  icon: Component
}

export const TASK: Record<TaskState, Look> = {
  pending: { tone: 'idle', icon: Clock },
  running: { tone: 'info', icon: Play },
  retrying: { tone: 'warning', icon: RotateCw },
  completed: { tone: 'success', icon: Check },
  failed: { tone: 'error', icon: CircleAlert },
  stopped: { tone: 'idle', icon: CircleStop },
  skipped: { tone: 'idle', icon: SkipForward },
}

export const QUEUE: Record<QueueHead['state'], Look> = {
  waiting: TASK.pending,
  running: TASK.running,
  completed: TASK.completed,
  failed: TASK.failed,
  stopped: TASK.stopped,
}

export const RUN: Record<RunState, Look> = {
  starting: { tone: 'info', icon: LoaderCircle },
  running: { tone: 'info', icon: Play },
  draining: { tone: 'warning', icon: Hourglass },
  stopping: { tone: 'warning', icon: Ban },
  completed: { tone: 'success', icon: Check },
  failed: { tone: 'error', icon: CircleAlert },
  stopped: { tone: 'idle', icon: CircleStop },
  interrupted: { tone: 'warning', icon: CirclePause },
}
