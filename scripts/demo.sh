#!/usr/bin/env bash
# demo.sh ROOT BINARY: lays out a root folder with four simulated GPUs, rules, queues, and a stand-in for a training.
set -Eeuo pipefail
root=$1 binary=$2
umask 077
mkdir -p "$root/config" "$root/command" "$root/logs" "$root/work"

cat >"$root/environment" <<TEXT
# What makes this a host of its own: simulated GPUs, and leases that meet nobody else's.
export GPUYARD_GPU_SOURCE=simulated:4x24GiB
export GPUYARD_HOST_DIR=$(printf '%q' "$root/host")
unset GPUYARD_SIMULATION CUDA_VISIBLE_DEVICES
TEXT

cat >"$root/gpuyard" <<TEXT
#!/usr/bin/env bash
# gpuyard, as this demo sees it.
source $(printf '%q' "$root/environment")
exec $(printf '%q' "$binary") --root $(printf '%q' "$root") "\$@"
TEXT
chmod 700 "$root/gpuyard"

cat >"$root/config/control_setting.yaml" <<TEXT
# The demo answers on this machine only, beside a real daemon's port.
port: 29314
allow-lan: false
secret: "$(od -An -N 32 -tx1 /dev/urandom | tr -d ' \n')"
TEXT

cat >"$root/config/gpu_manage.yaml" <<'TEXT'
# The demo's rules: all four GPUs, several tasks a GPU as long as memory suffices.
check_time: 2
maximize_resource_utilization: true
memory_save_mode: true
use_all_gpus: true
compete_gpus: []
gpu_left: 0
min_gpu: 0
max_gpu: 4
work_dir: work
gpu_command_file: command_gpu.txt
gpus_command_file: command_gpus.txt
retry_config:
  max_retry_before_backoff: 3
  backoff_duration: 20
  retry_delay: 5
hold_after: 60
TEXT

# task FILE QUEUE NAME STEPS [FAILS] GPUS MEMORY: one block; GPUS is empty in the single file.
task() {
    {
        printf '%s #queue\n' "$2"
        printf 'GPUYARD_SIMULATED_MEMORY=%sGiB bash {work_dir}/train.sh %s %s %s\n' "$7" "$3" "$4" "$5"
        [[ -z $6 ]] || printf '%s #GPUs\n' "$6"
        printf '%s #memory, GiB\n\n' "$7"
    } >>"$root/command/$1"
}

single=command_gpu.txt multi=command_gpus.txt
task "$single" 1 cars-resnet 60 0 '' 10
task "$single" 1 cars-vit 90 0 '' 22
task "$single" 1 cars-swin 60 0 '' 14
task "$single" 2 birds-resnet 45 0 '' 8
task "$single" 2 birds-vit 60 0 '' 12
task "$single" 3 fails-twice 40 2 '' 6
task "$single" 3 after-it 40 0 '' 6
task "$single" 4 large-model 75 0 '' 20
task "$single" 5 small-model 50 0 '' 4
task "$multi" 1 two-gpus 60 0 2 12
task "$multi" 1 two-gpus-again 60 0 2 12
task "$multi" 2 four-gpus 45 0 4 16

cat >"$root/work/train.sh" <<'TEXT'
#!/usr/bin/env bash
# train.sh NAME STEPS FAILS: a stand-in for a training. It prints a line a second; its first FAILS attempts fail.
name=$1 steps=$2 fails=$3
printf '%s, attempt %s, on GPU %s with %s\n' "$name" "$GPUYARD_ATTEMPT" "$CUDA_VISIBLE_DEVICES" "$GPUYARD_SIMULATED_MEMORY"
# A wait of the shell's own: with a `sleep` for each second, the process on the GPU would be another one each second.
exec {never}<> <(:)
for ((step = 1; step <= steps; step++)); do
    read -rt 1 -u "$never" || true
    printf 'step %d/%d  loss %d.%03d\n' "$step" "$steps" $((3 * (steps - step) / steps)) $((RANDOM % 1000))
    if ((step == 5 && GPUYARD_ATTEMPT <= fails)); then
        printf 'RuntimeError: CUDA out of memory (made up, to show a retry)\n' >&2
        exit 1
    fi
done
printf '%s is trained\n' "$name"
TEXT
