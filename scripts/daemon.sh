# shellcheck shell=bash
# What run.sh and shut_down.sh share: which daemon and schedulers of a root live, where the demo is, words in two languages.

case ${LC_ALL:-${LC_MESSAGES:-${LANG:-}}} in
zh*) language=zh ;;
*) language=en ;;
esac

# say ENGLISH CHINESE [VALUE…]: one line by the locale; the texts are printf formats.
say() {
    local format=$1
    [[ $language == zh ]] && format=$2
    shift 2
    # shellcheck disable=SC2059 # the formats are literals of these scripts
    printf "$format\n" "$@"
}

fail() {
    say "$@" >&2
    exit 1
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # both scripts use it
binary=${CARGO_TARGET_DIR:-$here/target}/release/gpuyard

# words PID: a process's command line, one word a line; nothing where it is gone or somebody else's.
words() {
    tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" || true
}

# started PID: when it started, in ticks since boot; its name, which may hold anything, is cut off first.
started() {
    sed 's/^.*) //' 2>/dev/null <"/proc/$1/stat" | cut -d ' ' -f 20
}

# field KEY RECORD: a value of one flat JSON object.
field() {
    sed -n "s/.*\"$1\"[[:space:]]*:[[:space:]]*\"\{0,1\}\([^\",}]*\).*/\1/p" <<<"$2" | head -n 1
}

# living_daemon ROOT: "PID PORT IP URL" of the root's daemon, by its logs/pid.json; false where none lives on this machine.
living_daemon() {
    local file=$1/logs/pid.json record pid boot own ticks
    [[ -r $file ]] || return 1
    own=$(cat /proc/sys/kernel/random/boot_id)
    while IFS= read -r record; do
        pid=$(field pid "$record") boot=$(field boot_id "$record")
        [[ $pid =~ ^[0-9]+$ ]] || continue
        # The folder may be shared by several machines: their pids say nothing here.
        [[ -z $boot || $boot == "$own" ]] || continue
        # A pid comes back: only the process that started then, and serves, is meant.
        ticks=$(field start_ticks "$record")
        [[ -z $ticks || $ticks == "$(started "$pid")" ]] || continue
        words "$pid" | grep -qx serve || continue
        printf '%s %s %s %s\n' "$pid" "$(field port "$record")" "$(field ip "$record")" "$(field url "$record")"
        return 0
    done < <(tr -d '\n' <"$file" | tr '}' '\n')
    return 1
}

# root_of PID: the root folder that a gpuyard process works on, as its own command line and environment say.
root_of() {
    local pid=$1 word want=no root=
    while IFS= read -r word; do
        if [[ $want == yes ]]; then root=$word want=no; fi
        case $word in
        --root) want=yes ;;
        --root=*) root=${word#--root=} ;;
        esac
    done < <(words "$pid")
    [[ -n $root ]] || root=$(tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | sed -n 's/^GPUYARD_ROOT=//p' | head -n 1)
    (cd "/proc/$pid/cwd" 2>/dev/null && cd "${root:-.}" 2>/dev/null && pwd -P) || true
}

# living_schedulers ROOT: "PID MODE INDEX", or "PID tasks" for that of the ad-hoc tasks, one line each.
living_schedulers() {
    local root pid line
    root=$(cd "$1" && pwd -P)
    for pid in /proc/[0-9]*; do
        pid=${pid#/proc/}
        [[ -O /proc/$pid ]] || continue
        line=$(words "$pid" | tr '\n' ' ')
        [[ $line =~ (^|/)gpuyard\ (.*\ )?schedule\ (.*\ )?(single\ [0-9]+|multi\ [0-9]+|tasks)\  ]] || continue
        [[ $(root_of "$pid") == "$root" ]] || continue
        printf '%s %s\n' "$pid" "${BASH_REMATCH[4]}"
    done
}

# answers IP PORT: whether GET /api/health is answered with 200; a daemon that speaks HTTPS answers plain HTTP with 400.
answers() {
    # The redirection of a failed connection prints an error that is no news here.
    (
        exec 3<>"/dev/tcp/$1/$2" || exit 1
        printf 'GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
        IFS= read -r -t 5 line <&3 && [[ $line == *' 200 '* || $line == *' 400 '* ]]
    ) 2>/dev/null
}

# demo_root: the folder of this user's demo, if there is one.
demo_root() {
    local base folder
    for base in "${XDG_RUNTIME_DIR:-/tmp}" /tmp; do
        for folder in "$base"/gpuyard-demo.*; do
            # Others may make folders of that name in /tmp.
            [[ -d $folder && ! -L $folder && -O $folder && -x $folder/gpuyard ]] || continue
            printf '%s\n' "$folder"
            return 0
        done
    done
    return 1
}
