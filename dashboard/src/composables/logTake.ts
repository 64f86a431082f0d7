// Taking a log along: copying lines, their address, and downloading by a ticket that is good once.
import { logText, logTicket, type Lines, type LogName, type LogWindow } from '@/domain/log'
import { useWords } from '@/i18n'
import { useToasts } from '@/stores/toasts'
import { useAction } from './action'
import { copyText } from './clipboard'

/** More lines than this are a file rather than something to paste. */
const MOST_COPIED = 10_000

export function useLogTake(log: () => LogName, held: LogWindow) {
  const t = useWords()
  const toasts = useToasts()
  const { busy, act } = useAction()

  async function copyLines({ from, to }: Lines): Promise<void> {
    const count = to - from + 1
    if (count > MOST_COPIED) {
      toasts.failed(t('logs.tooManyLines', { n: MOST_COPIED }))
      return
    }
    const text = held.text(from, to) ?? (await act(t('logs.couldNotCopy'), () => logText(log(), from, count)))
    if (text === undefined) return
    if (await copyText(text)) toasts.done(t('logs.copiedLines', { n: count }, count))
    else toasts.failed(t('logs.couldNotCopy'))
  }

  async function copyLink(): Promise<void> {
    if (await copyText(location.href)) toasts.done(t('copied'))
    else toasts.failed(t('logs.couldNotCopy'))
  }

  async function download(lines?: Lines): Promise<void> {
    const url = await act(t('logs.couldNotDownload'), () => logTicket(log(), lines))
    if (!url) return
    const link = document.createElement('a')
    link.href = url
    link.download = ''
    document.body.append(link)
    link.click()
    link.remove()
  }

  return { busy, copyLines, copyLink, download }
}
