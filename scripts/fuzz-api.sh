#!/usr/bin/env bash
# fuzz-api.sh BINARY: a daemon in a throw-away root, and schemathesis at its whole API, by its own document.
#
# What the document says is tried: every call, every field, in every way that fits and many that do not. No command that
# the tool makes up is ever run: where a task would start bash, a stand-in says what it was given and sleeps.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=4.32.5
binary=$(realpath "$1")
tool=${CARGO_TARGET_DIR:-target}/schemathesis-$version
if [[ ! -x $tool/bin/schemathesis ]]; then
    printf 'installing schemathesis %s\n' "$version"
    rm -rf "$tool"
    if ! { python3 -m venv "$tool" && "$tool/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"; }; then
        rm -rf "$tool"
        exit 77 # skipped
    fi
fi

base=$(mktemp -d)
root=$base/root secret=$(od -An -N 32 -tx1 /dev/urandom | tr -d ' \n')
daemon=
clean() {
    local code=$?
    trap - EXIT
    if [[ -n $daemon ]]; then
        for mode in single multi; do
            ask "/api/scheduler/$mode/stop" -X POST >/dev/null 2>&1 || true
        done
        kill "$daemon" 2>/dev/null || true
        wait "$daemon" 2>/dev/null || true
        # Schedulers outlive their daemon, and this root does not: all that was started carries its host folder.
        for environment in /proc/[0-9]*/environ; do
            if grep -qzxF "GPUYARD_HOST_DIR=$base/host" "$environment" 2>/dev/null; then
                kill -KILL "$(basename "$(dirname "$environment")")" 2>/dev/null || true
            fi
        done
    fi
    rm -rf "$base"
    exit "$code"
}
trap clean EXIT
trap 'exit 130' INT TERM

umask 077
mkdir -p "$root/config" "$root/command" "$base/bin" "$base/host" "$base/work"
cat >"$base/bin/bash" <<'TEXT'
#!/bin/sh
# Stands in for bash: what a fuzzer makes up is shown, not run.
printf 'would run: %s\n' "$*"
case $* in *fails*) exit 1 ;; *holds*) exec sleep 600 ;; esac
TEXT
chmod 700 "$base/bin/bash"
cat >"$root/config/control_setting.yaml" <<TEXT
port: 0
allow-lan: false
secret: "$secret"
TEXT
cat >"$root/config/gpu_manage.yaml" <<TEXT
check_time: 2
maximize_resource_utilization: true
memory_save_mode: true
use_all_gpus: true
compete_gpus: []
gpu_left: 0
min_gpu: 0
max_gpu: 4
work_dir: $base/work
gpu_command_file: command_gpu.txt
gpus_command_file: command_gpus.txt
retry_config: {max_retry_before_backoff: 3, backoff_duration: 20}
TEXT
printf '1\n%s\n8\n\n1\n%s\n8\n\n2\n%s\n8\n' 'this is done' 'this holds' 'this fails' >"$root/command/command_gpu.txt"
printf '7\n%s\n2\n4\n' 'this holds too' >"$root/command/command_gpus.txt"

ask() { curl --silent --show-error --fail-with-body --max-time 60 -H "Authorization: Bearer $secret" "${@:2}" "$url$1"; }

PATH=$base/bin:$PATH GPUYARD_HOST_DIR=$base/host GPUYARD_GPU_SOURCE=simulated:4x24GiB "$binary" --root "$root" serve >"$base/out" 2>&1 &
daemon=$!
url=
for ((tries = 0; tries < 200; tries++)); do
    port=$(sed -n 's/.*"port": *\([0-9]*\).*/\1/p' "$root/logs/pid.json" 2>/dev/null | head -n 1) || true
    url=http://127.0.0.1:$port
    [[ -n $port ]] && curl --silent --fail "$url/api/health" >/dev/null && break
    kill -0 "$daemon" 2>/dev/null || { cat "$base/out" && exit 1; }
    sleep 0.1
done

# Something to look at: a run with a task that is done, one that runs, one that is retried.
ask /api/scheduler/single/start -X POST >"$base/started" || { cat "$base/started" "$base/out" && exit 1; }
run_id=$(sed -n 's/.*"run_id":"\([^"]*\)".*/\1/p' "$base/started")
pid=$(sed -n 's/.*"pid":\([0-9]*\).*/\1/p' "$base/started")
task_id=$(ask "/api/scheduler/runs/$run_id" | sed 's/.*"task_id":"\([^"]*\)".*/\1/')
sed "s/@RUN_ID@/$run_id/; s/@TASK_ID@/$task_id/; s/@PID@/$pid/" tests/schemathesis.toml >"$base/schemathesis.toml"

ask /api/openapi.json >"$base/openapi.json"
# What never ends, and what is no HTTP once it is open, has tests of its own (live_tests, log_tests): the tool waits a minute for
# each end, and takes an event's lines for its shape.
# A fixed seed: what fails once fails again. More examples are for a night: FUZZ_EXAMPLES=500.
"$tool/bin/schemathesis" --config-file "$base/schemathesis.toml" run "$base/openapi.json" \
    --url "$url" --header "Authorization: Bearer $secret" --seed 29214 --max-examples "${FUZZ_EXAMPLES:-15}" --no-color \
    --exclude-path /api/ws --exclude-path /api/events --exclude-path /api/log/stream
kill -0 "$daemon" || { printf 'the daemon is gone:\n' && cat "$base/out" && exit 1; }
