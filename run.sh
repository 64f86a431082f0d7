#!/usr/bin/env bash
# Builds what is not built, starts the daemon in the background, and says where it answers.
set -Eeuo pipefail
# shellcheck source=scripts/daemon.sh
source "$(dirname "${BASH_SOURCE[0]}")/scripts/daemon.sh"

dashboard=$here/dashboard

usage() {
    say "usage: ./run.sh [--foreground | --demo]

Builds gpuyard, starts its daemon in the background for the folder that this script lies in
(or GPUYARD_ROOT), waits until it answers, and prints the address and where the secret stands.

  --foreground   stay in the foreground; Ctrl-C ends the daemon
  --demo         the same in a throw-away folder, with four simulated GPUs and queues at work
  --help         this text

./shut_down.sh stops it." \
        "用法：./run.sh [--foreground | --demo]

编译 gpuyard，为本脚本所在的目录（或 GPUYARD_ROOT）在后台启动守护进程，
等到它应答，然后显示访问地址和密钥所在的位置。

  --foreground   在前台运行；按 Ctrl-C 结束
  --demo         在临时目录中运行，带四张模拟显卡和正在运行的队列
  --help         显示本帮助

用 ./shut_down.sh 停止。"
}

# --- build ----------------------------------------------------------------------------------------------------------

# The dashboard's files are there and nothing that they are made of is newer.
dashboard_built() {
    local page=$dashboard/dist/index.html
    [[ -f $page ]] || return 1
    [[ -z $(find "$dashboard/src" "$dashboard/public" "$dashboard/scripts" "$dashboard"/*.{json,ts,html} -newer "$page" -type f -print -quit) ]]
}

# The dashboard needs Node; without it the binary has none, and says so at /ui.
build_dashboard() {
    dashboard_built && return
    if ! command -v npm >/dev/null || ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null; then
        [[ -f $dashboard/dist/index.html ]] && return # an older one is better than none
        say "Node 20.19 or newer with npm is missing, so gpuyard is built without its dashboard; everything else works." \
            "缺少 Node 20.19 或更新版本（含 npm），因此不包含网页界面；其余功能不受影响。"
        return
    fi
    say "Building the dashboard." "正在编译网页界面。"
    if ! (cd "$dashboard" && npm ci --silent --ignore-scripts && npm run --silent build -- --logLevel error); then
        say "The dashboard could not be built; gpuyard goes on without it." "网页界面编译失败，将继续运行但不包含网页界面。" >&2
    fi
}

# The binary is there and nothing that it is made of is newer.
built() {
    [[ -x $binary ]] || return 1
    [[ ! $dashboard/dist/index.html -nt $binary ]] || return 1
    [[ -z $(find "$here/src" "$here/Cargo.toml" "$here/Cargo.lock" -newer "$binary" \( -name '*.rs' -o -name 'Cargo.*' \) -print -quit) ]]
}

build() {
    build_dashboard
    built && return
    if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
        [[ -x $binary ]] && return # an older build is better than none
        fail "Rust is missing (cargo, rustc): install Rust %s or newer, then run this again." \
            "缺少 Rust（cargo、rustc）：请先安装 Rust %s 或更新的版本。" "$(wanted_rust)"
    fi
    local have
    have=$(cd "$here" && rustc --version | sed 's/^rustc \([0-9.]*\).*/\1/')
    if [[ $(printf '%s\n' "$(wanted_rust)" "$have" | sort -V | head -n 1) != "$(wanted_rust)" ]]; then
        fail "rustc %s is too old: gpuyard needs %s or newer (rustup update stable)." \
            "rustc %s 版本过旧：gpuyard 需要 %s 或更新的版本（rustup update stable）。" "$have" "$(wanted_rust)"
    fi
    if ! command -v cc >/dev/null; then
        fail "A C linker is missing (cc): install it, on Debian or Ubuntu with: apt-get install build-essential" \
            "缺少 C 链接器（cc）：请安装，例如 Debian/Ubuntu 上：apt-get install build-essential"
    fi
    say "Building gpuyard; the first time takes some minutes." "正在编译 gpuyard，首次需要几分钟。"
    (cd "$here" && cargo build --release --locked --quiet)
}

wanted_rust() {
    sed -n 's/^rust-version = "\(.*\)"/\1/p' "$here/Cargo.toml"
}

# --- start ----------------------------------------------------------------------------------------------------------

# tell ROOT NEW: where the living daemon answers, and its secret.
tell() {
    local root=$1 new=$2 url settings=$1/config/control_setting.yaml secret
    url=$(living_daemon "$root" | cut -d ' ' -f 4)
    say "address  %s" "地址  %s" "$url"
    secret=$(sed -n 's/^secret:[[:space:]]*//p' "$settings" 2>/dev/null | sed "s/[[:space:]]#.*//; s/^[\"']//; s/[\"'][[:space:]]*$//" || true)
    if [[ $new == yes && -t 1 && -n $secret ]]; then
        say "secret   %s   (shown once; it stands in %s)" "密钥  %s   （仅显示一次；保存在 %s）" "$secret" "$settings"
    else
        say "secret   see the line \`secret:\` in %s" "密钥  见 %s 中的 secret 一行" "$settings"
    fi
}

# start_daemon ROOT: in the background, in a session of its own, so that neither this shell's end nor its hang-up reaches it.
start_daemon() {
    local root=$1 said=$1/logs/serve.out pid daemon deadline
    (umask 077 && mkdir -p "$root/logs" && : >"$said")
    setsid "$binary" --root "$root" serve </dev/null >"$said" 2>&1 &
    pid=$!
    deadline=$((SECONDS + 30))
    while ((SECONDS < deadline)); do
        if daemon=$(living_daemon "$root"); then
            local _ port ip
            read -r _ port ip _ <<<"$daemon"
            if answers 127.0.0.1 "$port" || answers "$ip" "$port"; then
                disown "$pid" 2>/dev/null || true
                return 0
            fi
        fi
        if ! kill -0 "$pid" 2>/dev/null; then
            say "The daemon did not start:" "守护进程未能启动：" >&2
            cat "$said" >&2
            return 1
        fi
        sleep 0.05
    done
    say "The daemon (pid %s) does not answer after 30 s; see %s and %s." "守护进程（pid %s）30 秒内没有应答，请查看 %s 和 %s。" \
        "$pid" "$root/logs/run.log" "$said" >&2
    return 1
}

run() {
    local root=$1 new=yes pid
    [[ ! -e $root/config/control_setting.yaml ]] || new=no
    if daemon=$(living_daemon "$root"); then
        pid=${daemon%% *}
        say "The daemon runs already (pid %s)." "守护进程已在运行（pid %s）。" "$pid"
        tell "$root" no
        return
    fi
    build
    start_daemon "$root"
    say "The daemon runs." "守护进程已启动。"
    tell "$root" "$new"
    say "stop     ./shut_down.sh   (tasks go on; --all ends them too)" "停止  ./shut_down.sh   （任务继续运行；--all 一并结束）"
}

# --- demo -----------------------------------------------------------------------------------------------------------

demo() {
    local root new=no
    root=$(demo_root) || root=
    if [[ -n $root ]] && living_daemon "$root" >/dev/null; then
        say "The demo runs already." "演示已在运行。"
    elif [[ -n $root && -n $(living_schedulers "$root") ]]; then
        build
        # shellcheck source=/dev/null
        source "$root/environment"
        start_daemon "$root"
        say "The demo went on without its daemon; it is back." "演示一直在运行，守护进程已恢复。"
    else
        # What a reboot left of an earlier demo.
        [[ -z $root ]] || rm -rf -- "$root"
        build
        root=$(mktemp -d "${XDG_RUNTIME_DIR:-/tmp}/gpuyard-demo.XXXXXX")
        "$here/scripts/demo.sh" "$root" "$binary"
        # shellcheck source=/dev/null
        source "$root/environment"
        start_daemon "$root"
        "$root/gpuyard" start single 0 >/dev/null
        "$root/gpuyard" start multi 0 >/dev/null
        new=yes
        say "The demo runs: four simulated GPUs, two schedulers, seven queues." "演示已启动：四张模拟显卡、两个调度器、七个队列。"
    fi
    tell "$root" "$new"
    say "
what runs        %s status
why tasks wait   %s why
the GPUs         %s gpus
a task's log     %s logs -f single 0 1
its files        %s

stop and clean   ./shut_down.sh --demo" "
运行状态        %s status
等待原因        %s why
显卡            %s gpus
任务日志        %s logs -f single 0 1
所有文件        %s

停止并清理      ./shut_down.sh --demo" "$root/gpuyard" "$root/gpuyard" "$root/gpuyard" "$root/gpuyard" "$root"
}

case ${1:-} in
'') run "$(cd "${GPUYARD_ROOT:-$here}" && pwd)" ;;
--demo) demo ;;
--foreground)
    build
    exec "$binary" --root "${GPUYARD_ROOT:-$here}" serve
    ;;
-h | --help) usage ;;
*) usage >&2 && exit 2 ;;
esac
