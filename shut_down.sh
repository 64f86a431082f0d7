#!/usr/bin/env bash
# Stops the daemon by its logs/pid.json; schedulers and tasks go on unless they are asked to end too.
set -Eeuo pipefail
# shellcheck source=scripts/daemon.sh
source "$(dirname "${BASH_SOURCE[0]}")/scripts/daemon.sh"

usage() {
    say "usage: ./shut_down.sh [--all | --demo | --status]

Stops the daemon of the folder that this script lies in (or GPUYARD_ROOT).
Its schedulers and their tasks go on; ./run.sh finds them again.

  --all      ends the schedulers and their tasks too, and the demo
  --demo     ends the demo, and removes its folder
  --status   lists what runs
  --help     this text" \
        "用法：./shut_down.sh [--all | --demo | --status]

停止本脚本所在目录（或 GPUYARD_ROOT）的守护进程。
调度器和任务继续运行；再次执行 ./run.sh 会重新接管它们。

  --all      同时结束调度器、任务和演示
  --demo     结束演示并删除其目录
  --status   列出正在运行的内容
  --help     显示本帮助"
}

# gone PID SECONDS: waits for the process's end, that long at most.
gone() {
    local deadline=$((SECONDS + $2))
    while kill -0 "$1" 2>/dev/null; do
        ((SECONDS < deadline)) || return 1
        sleep 0.05
    done
}

stop_daemon() {
    local root=$1 daemon pid
    if ! daemon=$(living_daemon "$root"); then
        say "No daemon runs for %s." "%s 没有正在运行的守护进程。" "$root"
        return
    fi
    pid=${daemon%% *}
    kill -TERM "$pid"
    gone "$pid" 30 || fail "The daemon (pid %s) has not ended after 30 s." "守护进程（pid %s）30 秒内没有结束。" "$pid"
    say "The daemon (pid %s) has ended." "守护进程（pid %s）已结束。" "$pid"
}

# stop_schedulers ROOT GPUYARD…: each ends its tasks first (TERM, stop_grace, KILL).
stop_schedulers() {
    local root=$1 pid which words
    shift
    while read -r pid which; do
        say "Ending scheduler %s (pid %s) and its tasks." "正在结束调度器 %s（pid %s）及其任务。" "$which" "$pid"
        read -ra words <<<"$which"
        "$@" stop "${words[@]}" >/dev/null 2>&1 && continue
        # A scheduler that does not hear its socket understands SIGTERM as the same wish; that of the ad-hoc tasks ends alone.
        kill -TERM "$pid" 2>/dev/null || true
        if [[ $which == tasks ]]; then
            say "It did not answer: ad-hoc tasks that run go on, \`gpuyard start tasks\` takes them back." \
                "它没有应答：运行中的临时任务会继续，\`gpuyard start tasks\` 会重新接管。"
        fi
    done < <(living_schedulers "$root")
    while read -r pid which; do
        gone "$pid" 120 || fail "Scheduler %s (pid %s) has not ended after 120 s." "调度器 %s（pid %s）120 秒内没有结束。" "$which" "$pid"
    done < <(living_schedulers "$root")
}

stop_demo() {
    local root
    if ! root=$(demo_root); then
        [[ $1 == quiet ]] || say "No demo runs." "没有正在运行的演示。"
        return
    fi
    # The daemon first: it would take a scheduler that ends for one that crashed.
    stop_daemon "$root"
    stop_schedulers "$root" "$root/gpuyard"
    rm -rf -- "$root"
    say "The demo has ended; its folder %s is removed." "演示已结束，目录 %s 已删除。" "$root"
}

list() {
    local root=$1 daemon pid which url
    if daemon=$(living_daemon "$root"); then
        read -r pid _ _ url <<<"$daemon"
        say "daemon      pid %s  %s  (%s)" "守护进程  pid %s  %s  （%s）" "$pid" "$url" "$root"
    else
        say "daemon      none  (%s)" "守护进程  无  （%s）" "$root"
    fi
    while read -r pid which; do
        say "scheduler   pid %s  %s" "调度器  pid %s  %s" "$pid" "$which"
    done < <(living_schedulers "$root")
}

root=$(cd "${GPUYARD_ROOT:-$here}" && pwd)
case ${1:-} in
'')
    stop_daemon "$root"
    going=$(living_schedulers "$root" | wc -l)
    if ((going > 0)); then
        say "Schedulers that go on with their tasks: %d. ./run.sh finds them again, ./shut_down.sh --all ends them too." \
            "%d 个调度器及其任务继续运行；./run.sh 会重新接管，./shut_down.sh --all 会一并结束。" "$going"
    fi
    ;;
--all)
    stop_daemon "$root"
    stop_schedulers "$root" "$binary" --root "$root"
    # Whoever names a root means that one: a demo beside it goes on.
    [[ -n ${GPUYARD_ROOT:-} ]] || stop_demo quiet
    ;;
--demo) stop_demo loud ;;
--status)
    list "$root"
    if demo=$(demo_root); then
        list "$demo"
    fi
    ;;
-h | --help) usage ;;
*) usage >&2 && exit 2 ;;
esac
