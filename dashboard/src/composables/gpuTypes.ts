// The GPU models of this host, for a choice: how many there are, and how many of them nobody uses.
import { computed } from 'vue'
import { standingOf } from '@/domain/gpu'
import { useWords } from '@/i18n'
import { useGpus } from './gpus'

export function useGpuTypes(chosen: () => string) {
  const t = useWords()
  const { report, held } = useGpus()
  const types = computed(() => {
    const found = new Map<string, { n: number; free: number }>()
    for (const gpu of report.value?.gpus ?? []) {
      if (!gpu.name) continue
      const type = found.get(gpu.name) ?? { n: 0, free: 0 }
      found.set(gpu.name, { n: type.n + 1, free: type.free + (standingOf(gpu, held.value) === 'free' ? 1 : 0) })
    }
    const options = [...found].map(([name, { n, free }]) => ({ value: name, label: t('tasks.form.typeThere', { name, n, free }) }))
    // A copy may ask for a model that is gone, or by a part of its name; the daemon judges that.
    const kept = chosen() === 'any' || found.has(chosen()) ? [] : [{ value: chosen(), label: chosen() }]
    return [{ value: 'any', label: t('tasks.form.typeAny') }, ...options, ...kept]
  })
  const none = computed(() => report.value !== null && report.value.gpus.length === 0)
  return { types, none }
}
