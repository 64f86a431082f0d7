#!/bin/bash
# What the stories' tasks do: task.sh VERB NAME [...], in the work folder. Each stamps what it does into the file `marks`:
# event, name, key of its attempt, GPUs, simulated memory, pid, moment in µs.
verb=$1 name=$2

mark() {
  printf '%s %s %s %s %s %s %s\n' "$1" "$name" "${GPUYARD_UNI_ID:--}" "${CUDA_VISIBLE_DEVICES:--}" \
    "${GPUYARD_SIMULATED_MEMORY:--}" "${2:-$BASHPID}" "${EPOCHREALTIME/[.,]/}" >> marks
}

# A pipe that nobody writes to: waiting on it costs no process.
exec {never}<> <(:)
nap() { read -rt "$1" -u "$never"; }

# Until the story says `go`, or its folder is gone; what it says is the exit code.
gate() { until [ -e "go/$name" ] || [ ! -e go ]; do "${1:-:}"; nap "${2:-0.02}"; done; }
leave() { mark end; exit "$(cat "go/$name" 2> /dev/null || echo 0)"; }

# A task's process; one that only waits to be reaped does not live.
lives() {
  local stat words
  { read -r stat < "/proc/$1/stat" && mapfile -d '' -t words < "/proc/$1/cmdline"; } 2> /dev/null || return 1
  [[ ${stat##*) } != [ZX]* && ${words[*]} == *task.sh* ]]
}

# claim THING...: nobody else may be at work on it; who dies with it in hand does not hold it.
claim() {
  local thing holder
  echo "$BASHPID" > "live/.$BASHPID"
  for thing; do
    # In one step with the pid in it.
    until ln "live/.$BASHPID" "live/$thing" 2> /dev/null; do
      read -r holder 2> /dev/null < "live/$thing" || continue
      lives "$holder" && { mark "clash:$thing:$holder"; return; }
      rm -f "live/$thing"
    done
  done
}
yield() { rm -f "${@/#/live/}" "live/.$BASHPID"; }

case $verb in
  soak) # NAME SECONDS CODE: works alone on its name, its queue (if any) and its GPUs, and numbers its lines
    mark start
    things=("task-$name" "queue-${name%%-*}-${GPUYARD_QUEUE:-of-$name}")
    IFS=, read -ra gpus <<< "$CUDA_VISIBLE_DEVICES"
    things+=("${gpus[@]/#/gpu-}")
    claim "${things[@]}"
    until=$(( ${EPOCHREALTIME/[.,]/} + $3 * 1000 )) number=0
    while (( ${EPOCHREALTIME/[.,]/} < until )); do
      echo "$name tick $((number++))"
      nap 0.02
    done
    yield "${things[@]}"
    mark end
    exit "$4"
    ;;
  run) # NAME [SECONDS]: works for so long
    mark start
    nap "${3:-0.001}"
    mark end
    ;;
  hold) # NAME: works until it is told to go
    mark start
    gate
    leave
    ;;
  tick) # NAME: the same, and numbers its lines
    number=0
    tick() { echo "$name tick $((number++))"; }
    mark start
    # Once at least, however soon the story says `go`.
    tick
    gate tick 0.05
    leave
    ;;
  fail) # NAME TIMES [CODE]: fails so often, then succeeds
    mark start
    echo "$name at work"
    [ "$(grep -c "^start $name " marks)" -gt "$3" ] || exit "${4:-1}"
    mark end
    ;;
  stubborn) # NAME: ignores TERM, with a child that left its session and one that double-forked out of the tree
    trap 'mark term' TERM
    setsid bash -c 'trap "" TERM; while [ -e go ]; do sleep 0.2; done' &
    mark child $!
    (
      trap '' TERM
      while [ -e go ]; do sleep 0.2; done &
      mark child $!
    )
    mark start
    while [ -e go ]; do nap 0.05; done
    ;;
  *)
    echo "task.sh: what is $verb?" >&2
    exit 64
    ;;
esac
