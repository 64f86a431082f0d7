#!/usr/bin/env bash
# Installs what a fresh Debian machine with Rust and Node lacks, then runs every check and every test.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
    cat <<'TEXT'
usage: ./test.sh [--no-install] [--soak SECONDS | --fuzz [SECONDS]]

Format, lints, licences, shell scripts, the whole test suite, doc tests, the raw read of NVML's lists under Valgrind, schemathesis at the
API, and stories of the dashboard. What is missing is installed first (Debian packages, cargo-nextest, cargo-deny, schemathesis), or,
with --no-install, named. Exits 0 when all passed. The last line says: N passed, N failed, N skipped

--soak SECONDS    only one long random life (docs/RELIABILITY.md); it prints its seed, and GPUYARD_TEST_SEED=N repeats it
--fuzz [SECONDS]  only the fuzz targets (fuzz/), each for so long (60)
TEXT
}

install=yes only=all seconds=60
while (($#)); do
    case $1 in
    --no-install) install=no ;;
    --soak)
        only=soak seconds=${2:-}
        [[ $seconds =~ ^[1-9][0-9]*$ ]] || { usage >&2 && exit 2; }
        shift
        ;;
    --fuzz)
        only=fuzz
        if [[ ${2:-} =~ ^[1-9][0-9]*$ ]]; then
            seconds=$2
            shift
        fi
        ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
    shift
done

# A build from nothing gains nothing from the incremental cache and pays for writing it.
[[ -z ${CI:-} ]] || export CARGO_INCREMENTAL=0
target=${CARGO_TARGET_DIR:-target}
passed=0 failed=0
failures=() skips=()

title() { printf '\n== %s\n' "$*"; }

skip() {
    skips+=("$1")
    printf 'SKIPPED: %s\n' "$1"
}

# check NAME COMMAND…: what fails is counted by the command itself (tests) or else as one; the others go on.
check() {
    local name=$1 start=$SECONDS before=$failed
    shift
    title "$name"
    if "$@" && ((failed == before)); then
        printf '%s: ok (%d s)\n' "$name" $((SECONDS - start))
    else
        printf '%s: FAILED (%d s)\n' "$name" $((SECONDS - start))
        failures+=("$name")
        ((failed > before)) || failed=$((failed + 1))
    fi
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

# need COMMAND PACKAGE WHAT-FOR: Debian packages, only those whose command is not there.
missing=()
need() {
    command -v "$1" >/dev/null || missing+=("$2 ($3)")
}

title 'what is needed'
for tool in cargo rustc rustfmt; do
    command -v "$tool" >/dev/null || { printf 'no %s: install Rust 1.95 or newer first\n' "$tool" >&2 && exit 2; }
done
need cc build-essential 'a C linker'
need python3 python3 'tasks in Python'
need strace strace 'the order of writes and syncs'
need shellcheck shellcheck 'lint of the scripts'
need curl curl 'calls of the API'
need setsid util-linux 'tasks that leave their session'
need chromium chromium 'the dashboard, as people use it'
need tmux tmux 'terminals of ad-hoc tasks'
need valgrind valgrind 'the raw read of the lists of GPU processes'
# Debian keeps what makes a virtual environment apart from Python.
python3 -c 'import ensurepip' 2>/dev/null || missing+=('python3-venv (schemathesis)')
if ((${#missing[@]})); then
    printf 'missing: %s\n' "${missing[@]}"
    if [[ $install == yes ]]; then
        as_root apt-get update -qq &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]%% *}" >/dev/null ||
            printf 'could not install: %s\n' "${missing[*]}"
    fi
fi
command -v cc >/dev/null || { printf 'no C linker (cc): apt-get install build-essential\n' >&2 && exit 2; }

# cargo_tool NAME: from the registry, with the versions that its authors tested.
cargo_tool() {
    command -v "cargo-$1" >/dev/null && return
    [[ $install == yes ]] || return 1
    printf 'installing cargo-%s\n' "$1"
    cargo install --locked --quiet "cargo-$1"
}
PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
cargo_tool nextest || { printf 'no cargo-nextest: cargo install --locked cargo-nextest\n' >&2 && exit 2; }
printf 'all there\n'

# --- one thing alone --------------------------------------------------------------------------------------------------

# A random life of so many seconds; what it did is its last line but one.
soak() {
    GPUYARD_SOAK_SECONDS=$seconds cargo nextest run -p gpuyard --all-features --locked --test e2e --profile soak \
        --no-capture soak::
}

# cargo-fuzz wants a nightly compiler for sanitizers only; without them, the flag that it needs is let through.
fuzz() {
    local target ok=0
    cargo_tool fuzz || { printf 'no cargo-fuzz: cargo install --locked cargo-fuzz\n' && return 1; }
    for target in fuzz/fuzz_targets/*.rs; do
        target=$(basename "$target" .rs)
        title "fuzz: $target, $seconds s"
        # New inputs go to a folder of their own; the corpus that is kept is small and chosen.
        mkdir -p "fuzz/target/corpus/$target"
        if RUSTC_BOOTSTRAP=1 cargo fuzz run -s none "$target" "fuzz/target/corpus/$target" "fuzz/corpus/$target" -- \
            -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1)) ok=1
        fi
    done
    return "$ok"
}

if [[ $only != all ]]; then
    check "$only" "$only"
    [[ $only == fuzz ]] || { ((failed)) || passed=1; }
    printf '\n%d passed, %d failed, 0 skipped\n' "$passed" "$failed"
    exit $((failed > 0))
fi

# --- checks ---------------------------------------------------------------------------------------------------------

deny() {
    cargo deny --log-level error check bans licenses sources || return
    local log=$target/advisories.log
    if cargo deny --log-level error check advisories >"$log" 2>&1; then
        printf 'advisories ok\n'
    elif grep -q 'failed to fetch advisory database' "$log"; then
        skip 'advisories: their database cannot be reached from here'
    else
        cat "$log"
        return 1
    fi
}

scripts() {
    shellcheck --external-sources --severity=style run.sh shut_down.sh test.sh scripts/*.sh .ci/run
}

mkdir -p "$target"
check 'format' cargo fmt --all --check
check 'lints' cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
# The program itself is left out: its doc comments are help texts for people.
check 'documentation' env RUSTDOCFLAGS='-D warnings' cargo doc --workspace --exclude gpuyard --all-features --no-deps --locked --quiet
if cargo_tool deny; then
    check 'dependencies' deny
else
    skip 'dependencies: cargo-deny could not be installed'
fi
check 'what is survived' scripts/reliability.py --check
if command -v shellcheck >/dev/null; then
    check 'scripts' scripts
else
    skip 'scripts: shellcheck could not be installed'
fi

# --- the dashboard ---------------------------------------------------------------------------------------------------

in_dashboard() {
    (cd dashboard && "$@")
}

# Counts its single tests by its report; 1 line a kind.
dashboard_tests() {
    local log=$PWD/$target/vitest.json ok=0
    in_dashboard npx vitest run --reporter=default --reporter=json --outputFile.json="$log" || ok=1
    count_json "$log" numPassedTests numFailedTests numPendingTests
    ((ok == 0))
}

stories() {
    local log=$PWD/$target/stories.json ok=0
    PLAYWRIGHT_JSON_OUTPUT_NAME=$log in_dashboard npx playwright test --reporter=list,json || ok=1
    count_json "$log" expected unexpected skipped
    ((ok == 0))
}

# count_json FILE PASSED FAILED SKIPPED: adds what a report says under these keys.
count_json() {
    local good bad
    good=$(sed -n "s/.*\"$2\": *\([0-9]*\).*/\1/p" "$1" | tail -n 1)
    bad=$(sed -n "s/.*\"$3\": *\([0-9]*\).*/\1/p" "$1" | tail -n 1)
    passed=$((passed + ${good:-0})) failed=$((failed + ${bad:-0}))
}

if command -v npm >/dev/null; then
    check 'dashboard: libraries' in_dashboard npm ci --silent --ignore-scripts
    check 'dashboard: lints' in_dashboard npm run --silent lint
    check 'dashboard: types' in_dashboard npm run --silent types
    check 'dashboard: tests' dashboard_tests
    check 'dashboard: build' in_dashboard npm run --silent build
else
    skip 'dashboard: Node 20.19 or newer with npm is missing'
fi

# --- tests ----------------------------------------------------------------------------------------------------------

# The counts come from nextest's own report, so that a summary line in another form cannot lose them.
junit=$target/nextest/ci/junit.xml
# total KEY FILE: the number that stands at KEY in the report's head.
total() {
    sed -n "s/^<testsuites .*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p" "$2" | head -n 1
}

suite() {
    rm -f "$junit"
    cargo build --workspace --all-features --locked || return
    local ok=0
    cargo nextest run --profile ci --workspace --all-features --locked || ok=$?
    # 100 is a test that failed; anything else (a build, no test at all) is a failure of its own.
    ((ok == 0 || ok == 100)) || return 1
    local tests bad errors line
    tests=$(total tests "$junit") bad=$(total failures "$junit") errors=$(total errors "$junit")
    bad=$((bad + errors))
    passed=$((passed + tests - bad)) failed=$((failed + bad))
    while IFS= read -r line; do
        skips+=("$line")
    done < <(grep -o 'SKIPPED: [^<]*' "$junit" | sed 's/^SKIPPED: //; s/&apos;/'\''/g; s/&quot;/"/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g')
    ((ok == 0))
}

doc_tests() {
    local log=$target/doctests.log ok=0
    cargo test --workspace --doc --locked --quiet 2>&1 | tee "$log" || ok=1
    local good bad
    good=$(sed -n 's/^test result: .* \([0-9]*\) passed.*/\1/p' "$log" | paste -sd+)
    bad=$(sed -n 's/^test result: .* \([0-9]*\) failed.*/\1/p' "$log" | paste -sd+)
    passed=$((passed + ${good:-0})) failed=$((failed + ${bad:-0}))
    ((ok == 0))
}

# Memcheck over the tests of the raw read: the driver writes into our buffer, and what it left alone says how. The binaries are those
# of the suite. A read past what was written, or a block that nobody frees, is a failure; what is not ours is in tests/valgrind.supp.
raw_read() {
    local list binary filter good
    list=$(cargo nextest list --workspace --all-features --locked --list-type binaries-only --message-format json 2>/dev/null) || return
    while read -r binary filter; do
        binary=$(grep -o "\"binary-id\":\"$binary\"[^}]*" <<<"$list" | sed -n 's/.*"binary-path":"\([^"]*\)".*/\1/p')
        local log=$target/valgrind.log
        # shellcheck disable=SC2086 # no filter is no argument
        valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
            --keep-debuginfo=yes --num-callers=30 --suppressions=tests/valgrind.supp \
            "$binary" $filter 2>&1 | tee "$log" || return
        good=$(sed -n 's/^test result: ok\. \([0-9]*\) passed.*/\1/p' "$log")
        # A filter that names nothing any more checks nothing.
        ((${good:-0} > 0)) || return
        passed=$((passed + good))
    done <<<$'gpuyard-gpu::processes\ngpuyard-gpu nvml::processes::'
}

api() {
    local ok=0
    scripts/fuzz-api.sh "$target/debug/gpuyard" || ok=$?
    ((ok != 77)) || { skip 'the API by its document: schemathesis could not be installed' && return; }
    return "$ok"
}

check 'tests' suite
check 'doc tests' doc_tests
if command -v valgrind >/dev/null; then
    check 'the raw read of NVML' raw_read
else
    skip 'the raw read of NVML: valgrind could not be installed'
fi
check 'the API by its document' api
if [[ ! -f dashboard/dist/index.html ]]; then
    skip 'dashboard: stories: it was not built'
elif command -v chromium >/dev/null; then
    check 'dashboard: stories' stories
else
    skip 'dashboard: stories: chromium could not be installed'
fi

# --- summary --------------------------------------------------------------------------------------------------------

title "done in $((SECONDS / 60)) min $((SECONDS % 60)) s"
((${#failures[@]} == 0)) || printf 'FAILED: %s\n' "${failures[@]}"
if ((${#skips[@]})); then
    printf '\n%d SKIPPED on this machine:\n' "${#skips[@]}"
    printf '  %s\n' "${skips[@]}"
fi
printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "${#skips[@]}"
((failed == 0 && passed > 0))
