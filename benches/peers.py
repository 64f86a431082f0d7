#!/usr/bin/env python3
"""Measures a bash loop, tsp (Debian's task-spooler) and gpuyard in one run, and says the ratios. See benches/README.md."""

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
# What is promised (benches/README.md): ratios to the bash loop of the same run, and seconds.
MOST_HAND_OFF = 2.0
MOST_TOTAL = 2.0
MOST_START_OF_10_000 = 2.0

RULES = """\
check_time: 5
maximize_resource_utilization: false
memory_save_mode: true
use_all_gpus: true
compete_gpus: []
gpu_left: 0
min_gpu: 0
max_gpu: 4
work_dir: .
gpu_command_file: command_gpu.txt
gpus_command_file: command_gpus.txt
retry_config:
  max_retry_before_backoff: 3
  backoff_duration: 60
"""


def wait_for(what, seconds, probe, step=0.002):
    """Polls until probe() is true; a bench may sleep, what it measures may not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = probe()
        if value:
            return value
        time.sleep(step)
    raise SystemExit(f"after {seconds} s still not there: {what}")


def stamping(file, seconds):
    """A shell line that lasts so long and writes its own start and end."""
    return f's=$EPOCHREALTIME; sleep {seconds}; echo "$s $EPOCHREALTIME" >> {file}'


def pairs(file):
    return sorted(tuple(map(float, line.split())) for line in file.read_text().splitlines())


def gaps_ms(file, tasks):
    """From the end of each task to the start of the next."""
    ran = pairs(file)
    if len(ran) != tasks:
        raise SystemExit(f"{file}: {len(ran)} of {tasks} tasks left their stamps")
    return [(after[0] - before[1]) * 1000 for before, after in zip(ran, ran[1:])]


def lines(file):
    return file.read_bytes().count(b"\n") if file.exists() else 0


class Process:
    """Figures of a process, from /proc."""

    def __init__(self, pid):
        self.at = Path(f"/proc/{pid}")

    def kib(self, key):
        for line in (self.at / "status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
        return None

    def cpu_seconds(self):
        # schedstat counts nanoseconds, where stat counts ticks of 10 ms.
        return sum(int((task / "schedstat").read_text().split()[0]) for task in (self.at / "task").iterdir()) / 1e9

    def written(self):
        for line in (self.at / "io").read_text().splitlines():
            if line.startswith("wchar:"):
                return int(line.split()[1])
        return None

    def idle(self, seconds):
        before, start = self.cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        used = self.cpu_seconds() - before
        return {
            "cpu_percent": 100 * used / (time.monotonic() - start),
            "rss_mib": self.kib("VmRSS") / 1024,
            "rss_anon_mib": self.kib("RssAnon") / 1024,
        }


class Yard:
    """A root folder of its own with simulated GPUs, and the processes that were started in it."""

    def __init__(self, folder, binary, gpus=4):
        self.root, self.binary = folder, binary
        for name in ("config", "command", "logs"):
            (folder / name).mkdir(parents=True)
        (folder / "config/gpu_manage.yaml").write_text(RULES)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("GPUYARD_") and k != "CUDA_VISIBLE_DEVICES"}
        self.env["GPUYARD_GPU_SOURCE"] = f"simulated:{gpus}x24GiB"
        self.env["GPUYARD_HOST_DIR"] = str(folder / "host")

    def queues(self, queues):
        blocks = (f"{q}\n{line}\n1\n" for q, lines_ in queues.items() for line in lines_)
        (self.root / "command/command_gpu.txt").write_text("\n".join(blocks))

    def start(self, *words):
        log = open(self.root / "logs/bench.out", "ab")
        return subprocess.Popen(
            [self.binary, "--root", self.root, *words], env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )

    def schedule(self):
        return self.start("schedule", "single", "0")

    def finish(self, process, seconds=300):
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            raise SystemExit(f"the scheduler has not ended after {seconds} s; see {self.root}/logs")
        if code != 0:
            raise SystemExit(f"the scheduler ended with {code}; see {self.root}/logs")

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        process.wait(60)


class Tsp:
    """A task-spooler server of its own."""

    def __init__(self, folder, slots):
        self.env = dict(os.environ, TS_SOCKET=str(folder / "tsp.sock"), TMPDIR=str(folder), TS_SLOTS=str(slots), TS_MAXFINISHED="10")
        self.call("-S", str(slots))

    def call(self, *words):
        return subprocess.run(["tsp", *words], env=self.env, check=True, capture_output=True, text=True).stdout.strip()

    def server(self):
        for at in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if at.joinpath("comm").read_text().strip() == "tsp" and self.env["TS_SOCKET"].encode() in at.joinpath("environ").read_bytes():
                    return Process(at.name)
        raise SystemExit("tsp has no server")

    def end(self):
        self.call("-K")


# --- hand-off in one slot -------------------------------------------------------------------------------------------


def hand_off_bash(folder, tasks):
    file = folder / "stamps"
    line = stamping(file, 0.05)
    subprocess.run(["bash", "-c", f"for ((i = 0; i < {tasks}; i++)); do bash -c '{line}'; done"], check=True)
    return gaps_ms(file, tasks)


def hand_off_tsp(folder, tasks):
    file, gate = folder / "stamps", folder / "gate"
    os.mkfifo(gate)
    tsp = Tsp(folder, 1)
    # The blocker holds the slot until all are queued.
    tsp.call("bash", "-c", f"read < {gate}")
    for _ in range(tasks):
        tsp.call("bash", "-c", stamping(file, 0.05))
    gate.write_text("go\n")
    wait_for("tsp's tasks", 120, lambda: lines(file) == tasks)
    tsp.end()
    return gaps_ms(file, tasks)


def hand_off_gpuyard(folder, tasks, binary, apart=False):
    """In one queue, or as so many queues that want the one GPU."""
    yard = Yard(folder / "root", binary, gpus=1)
    file, gate = folder / "stamps", folder / "gate"
    os.mkfifo(gate)
    line = stamping(file, 0.05)
    if apart:
        yard.queues({1: [f"read < {gate}"]} | {q: [line] for q in range(2, tasks + 2)})
    else:
        yard.queues({1: [f"read < {gate}"] + [line] * tasks})
    scheduler = yard.schedule()
    gate.write_text("go\n")  # opening it waits for the blocker
    yard.finish(scheduler)
    return gaps_ms(file, tasks)


def spread(gaps):
    ordered = sorted(gaps)
    return {"median_ms": statistics.median(ordered), "p95_ms": ordered[int(len(ordered) * 0.95)]}


# --- 1000 × true through 4 slots ------------------------------------------------------------------------------------


def last_stamp(file):
    return max(float(line) for line in file.read_text().split())


def total_bash(folder, tasks):
    file = folder / "done"
    start = time.time()
    each = f"for ((i = 0; i < {tasks // 4}; i++)); do bash -c /bin/true; done; echo $EPOCHREALTIME >> {file}"
    subprocess.run(["bash", "-c", f"for q in 1 2 3 4; do ( {each} ) & done; wait"], check=True)
    return {"submit_s": None, "total_s": last_stamp(file) - start}


def total_tsp(folder, tasks):
    file = folder / "done"
    tsp = Tsp(folder, 4)
    start = time.time()
    for _ in range(tasks):
        tsp.call("-n", "/bin/true")
    for _ in range(4):
        tsp.call("-n", "bash", "-c", f"echo $EPOCHREALTIME >> {file}")
    submitted = time.time() - start
    wait_for("tsp's sentinels", 300, lambda: lines(file) == 4)
    tsp.end()
    return {"submit_s": submitted, "total_s": last_stamp(file) - start}


def total_gpuyard(folder, tasks, binary):
    file = folder / "done"
    yard = Yard(folder / "root", binary)
    start = time.time()
    yard.queues({q: ["/bin/true"] * (tasks // 4) + [f"echo $EPOCHREALTIME >> {file}"] for q in range(1, 5)})
    submitted = time.time() - start
    scheduler = yard.schedule()
    # The scheduler's own cost is read while it lives, and so is a little short of the whole.
    watched, cpu = Process(scheduler.pid), 0.0
    while scheduler.poll() is None:
        with contextlib.suppress(OSError):
            cpu = watched.cpu_seconds()
        time.sleep(0.02)
    ended = time.time() - start
    yard.finish(scheduler)
    return {"submit_s": submitted, "total_s": last_stamp(file) - start, "exit_s": ended, "scheduler_cpu_s": cpu}


# --- the daemon, the runner, big files ------------------------------------------------------------------------------


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def healthy(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            s.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return b" 200 " in s.recv(100)
    except OSError:
        return False


def daemon(folder, binary, seconds, starts=5):
    yard = Yard(folder / "root", binary)
    answers = []
    for turn in range(starts):
        port = free_port()
        settings = f'port: {port}\nallow-lan: false\nsecret: "{os.urandom(16).hex()}"\n'
        (yard.root / "config/control_setting.yaml").write_text(settings)
        start = time.monotonic()
        process = yard.start("serve")
        wait_for("the daemon's answer", 30, lambda: healthy(port), step=0.0005)
        answers.append((time.monotonic() - start) * 1000)
        if turn == starts - 1:
            time.sleep(2)  # what it does once, after its start, is not its idle cost
            idle = Process(process.pid).idle(seconds)
        yard.stop(process)
    return {"first_answer_ms": statistics.median(answers), **idle}


def tsp_idle(folder, seconds):
    tsp = Tsp(folder, 1)
    figures = tsp.server().idle(seconds)
    tsp.end()
    return figures


def runner_of(scheduler):
    for at in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"\nPPid:\t{scheduler}\n" in at.joinpath("status").read_text() and b"run-task" in at.joinpath("cmdline").read_bytes():
                return Process(at.name)
    return None


def at_work(folder, binary, seconds):
    """A runner and a scheduler while a long task runs and another waits."""
    yard = Yard(folder / "root", binary, gpus=1)
    yard.queues({1: ["sleep 1000"], 2: ["sleep 1000"]})
    scheduler = yard.schedule()
    runner = wait_for("a runner", 30, lambda: runner_of(scheduler.pid))
    time.sleep(2)
    figures = {"runner_rss_anon_mib": runner.kib("RssAnon") / 1024, "runner_rss_mib": runner.kib("VmRSS") / 1024}
    figures["scheduler"] = Process(scheduler.pid).idle(seconds)
    yard.stop(scheduler)
    return figures


def big_file(folder, binary, tasks):
    """Start to the first task; then, between its 50th and its 350th task, what a task costs the scheduler."""
    yard = Yard(folder / "root", binary)
    file = folder / "stamps"
    yard.queues({q: [f"echo $EPOCHREALTIME >> {file}"] * (tasks // 4) for q in range(1, 5)})
    start = time.time()
    scheduler = yard.schedule()
    figures, process = [], Process(scheduler.pid)
    for done in (50, 350):
        wait_for(f"{done} tasks", 60, lambda: lines(file) >= done)
        figures.append((lines(file), process.cpu_seconds(), process.written()))
    first = min(float(line) for line in file.read_text().split())
    yard.stop(scheduler)
    (n0, cpu0, bytes0), (n1, cpu1, bytes1) = figures
    return {
        "first_task_s": first - start,
        "cpu_ms_a_task": 1000 * (cpu1 - cpu0) / (n1 - n0),
        "written_kib_a_task": (bytes1 - bytes0) / 1024 / (n1 - n0),
    }


def sync_ms(folder):
    """What this disk asks for one small durable write: gpuyard pays for two between tasks, the others for none."""
    times = []
    for i in range(50):
        start = time.perf_counter()
        fd = os.open(folder / "sync", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(fd, b"x" * 200)
        os.fdatasync(fd)
        os.close(fd)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


# --- all of it ------------------------------------------------------------------------------------------------------


def measure(options, base):
    counter = iter(range(10_000))

    def folder():
        path = base / str(next(counter))
        path.mkdir()
        return path

    binary, have_tsp = options.binary, shutil.which("tsp") is not None
    if not have_tsp:
        print("SKIPPED: tsp (apt-get install task-spooler)", file=sys.stderr)
    result, syncs = {"hand_off": {}, "total": {}}, []
    # In turns, so that a busy moment of the machine is nobody's alone.
    gaps, totals = {}, {}
    for _ in range(options.rounds):
        syncs.append(sync_ms(base))
        gaps.setdefault("bash", []).extend(hand_off_bash(folder(), options.tasks // 10))
        if have_tsp:
            gaps.setdefault("tsp", []).extend(hand_off_tsp(folder(), options.tasks // 10))
        gaps.setdefault("gpuyard", []).extend(hand_off_gpuyard(folder(), options.tasks // 10, binary))
        gaps.setdefault("gpuyard, a queue each", []).extend(hand_off_gpuyard(folder(), options.tasks // 10, binary, apart=True))
        totals.setdefault("bash", []).append(total_bash(folder(), options.tasks))
        if have_tsp:
            totals.setdefault("tsp", []).append(total_tsp(folder(), options.tasks))
        totals.setdefault("gpuyard", []).append(total_gpuyard(folder(), options.tasks, binary))
    result["sync_ms"] = statistics.median(syncs)
    result["hand_off"] = {who: spread(all_) for who, all_ in gaps.items()}
    for who, runs in totals.items():
        result["total"][who] = sorted(runs, key=lambda run: run["total_s"])[len(runs) // 2]
    for table, key in (("hand_off", "median_ms"), ("total", "total_s")):
        floor = result[table]["bash"][key]
        for figures in result[table].values():
            figures["ratio"] = figures[key] / floor
    result["daemon"] = daemon(folder(), binary, options.idle)
    result["at_work"] = at_work(folder(), binary, options.idle)
    if have_tsp:
        result["tsp_idle"] = tsp_idle(folder(), options.idle)
    result["files"] = {str(n): big_file(folder(), binary, n) for n in (1000, 10_000)}
    return result


def broken(result):
    """The promises that this run does not keep."""
    hand_off, total = result["hand_off"]["gpuyard"]["ratio"], result["total"]["gpuyard"]["ratio"]
    start = result["files"]["10000"]["first_task_s"]
    checks = [
        (hand_off <= MOST_HAND_OFF, f"hand-off {hand_off:.2f} × the bash loop's, promised {MOST_HAND_OFF} ×"),
        (total <= MOST_TOTAL, f"total {total:.2f} × the bash loop's, promised {MOST_TOTAL} ×"),
        (start <= MOST_START_OF_10_000, f"10,000 tasks start in {start:.2f} s, promised {MOST_START_OF_10_000} s"),
    ]
    return [text for kept, text in checks if not kept]


def show(result, tasks):
    def figure(value, digits=2):
        return "–" if value is None else f"{value:.{digits}f}"

    print(f"\n| {tasks} × true, 4 slots | submit s | total s | × bash |\n|---|---|---|---|")
    for who, f in result["total"].items():
        print(f"| {who} | {figure(f['submit_s'])} | {figure(f['total_s'])} | {figure(f['ratio'])} |")
    print("\n| hand-off in one slot | median ms | p95 ms | × bash |\n|---|---|---|---|")
    for who, f in result["hand_off"].items():
        print(f"| {who} | {figure(f['median_ms'])} | {figure(f['p95_ms'])} | {figure(f['ratio'])} |")
    print("\n| idle | CPU % | RSS MiB | of it anonymous |\n|---|---|---|---|")
    idle = {"gpuyard serve": result["daemon"], "gpuyard schedule, one runs, one waits": result["at_work"]["scheduler"]}
    if "tsp_idle" in result:
        idle["tsp"] = result["tsp_idle"]
    for who, f in idle.items():
        print(f"| {who} | {figure(f['cpu_percent'], 3)} | {figure(f['rss_mib'], 1)} | {figure(f['rss_anon_mib'], 1)} |")
    print("\n| tasks in the file | first task after s | CPU ms a task | written KiB a task |\n|---|---|---|---|")
    for n, f in result["files"].items():
        print(f"| {n} | {figure(f['first_task_s'])} | {figure(f['cpu_ms_a_task'])} | {figure(f['written_kib_a_task'])} |")
    yard = result["total"]["gpuyard"]
    print(f"\ndaemon: start to first answer {result['daemon']['first_answer_ms']:.0f} ms")
    print(f"runner: {result['at_work']['runner_rss_anon_mib']:.2f} MiB anonymous, {result['at_work']['runner_rss_mib']:.1f} MiB resident")
    print(f"scheduler, the {tasks} tasks: {yard['scheduler_cpu_s']:.2f} s of CPU; it exits after {yard['exit_s']:.2f} s")
    print(f"one small durable write on this disk: {result['sync_ms']:.2f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, default=REPO / "target/release/gpuyard", help="which gpuyard (default: the release build)")
    parser.add_argument("--dir", type=Path, default=REPO / "target", help="where to work: its disk is what is synced")
    parser.add_argument("--tasks", type=int, default=1000, help="tasks of the total; a tenth of it for the hand-off")
    parser.add_argument("--rounds", type=int, default=3, help="each is measured so often, in turns")
    parser.add_argument("--idle", type=float, default=20, help="seconds over which idle cost is measured")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 when a promise is broken")
    parser.add_argument("--keep", action="store_true", help="leave the working folder for a look")
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    if not options.binary.exists():
        parser.error(f"{options.binary} is not built: cargo build --release")
    base = Path(tempfile.mkdtemp(prefix="peers.", dir=options.dir))
    try:
        result = measure(options, base)
    finally:
        if options.keep:
            print(f"kept: {base}", file=sys.stderr)
        else:
            shutil.rmtree(base, ignore_errors=True)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        show(result, options.tasks)
    for text in broken(result):
        print(f"BROKEN PROMISE: {text}", file=sys.stderr)
    return 1 if options.check and broken(result) else 0


if __name__ == "__main__":
    sys.exit(main())
