#!/usr/bin/env python3
"""Measures how the daemon serves large logs: a sparse one of 10 GB, a dense one, one that grows. See benches/README.md."""

import argparse
import contextlib
import http.client
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
GIB = 1 << 30
SECRET = "a-bench-needs-no-good-secret-but-a-long-one-0123456789"
# What is promised (issue: logs). A ratio to the same answer from a log of one page, and resident memory.
MOST_RATIO = 20
MOST_RSS_MIB = 60


class Daemon:
    """A daemon in a throw-away root."""

    def __init__(self, program, folder):
        self.root = folder / "root"
        (self.root / "config").mkdir(parents=True)
        (self.root / "config" / "control_setting.yaml").write_text(f"port: 0\nallow-lan: false\nsecret: {SECRET}\n")
        environment = os.environ | {
            "GPUYARD_GPU_SOURCE": "simulated:4x24GiB",
            "GPUYARD_HOST_DIR": str(folder / "host"),
        }
        self.process = subprocess.Popen(
            [program, "--root", self.root, "serve"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.port = self.wait_for_port()

    def wait_for_port(self):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(OSError, ValueError, KeyError, IndexError):
                return json.loads((self.root / "logs" / "pid.json").read_text())["instances"][0]["port"]
            if self.process.poll() is not None:
                raise SystemExit("the daemon did not come up")
            time.sleep(0.01)
        raise SystemExit("the daemon did not come up in a minute")

    def open(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request("GET", path, headers={"Authorization": f"Bearer {SECRET}"})
        response = connection.getresponse()
        if response.status != 200:
            raise SystemExit(f"{path}: {response.status} {response.read()[:500]!r}")
        return response

    def ask(self, path):
        return json.loads(self.open(path).read())

    def memory(self, key):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
        return None

    def cpu(self):
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def median_ms(work, times=15):
    took = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        took.append((time.perf_counter() - start) * 1000)
    return statistics.median(took)


def sparse(path, size):
    """A log that is one hole, with some lines in the middle and at the end."""
    with path.open("wb") as file:
        file.write(b"first line\n")
        file.truncate(size)
        file.seek(size // 2)
        file.write(b"\n" + b"".join(b"middle line %d\n" % i for i in range(1000)))
        file.write(b"CUDA out of memory\n")
        tail = b"\n" + b"".join(b"line %d of the tail, of some length as logs have it\n" % i for i in range(1300))
        file.seek(size - len(tail))
        file.write(tail)


def dense(path, size):
    block = b"".join(b"[2026-01-31 12:00:00] step %d loss 0.%d lr 1e-4\n" % (i, i * 7919 % 1000) for i in range(20000))
    with path.open("wb") as file:
        while file.tell() < size:
            file.write(block)
        file.write(b"Traceback (most recent call last)\n")


def first_hit_ms(daemon, path, text):
    start = time.perf_counter()
    response = daemon.open(f"/api/log/search?path={path}&q={text}")
    while True:
        event = json.loads(response.readline())
        if event["event"] == "hit":
            first = (time.perf_counter() - start) * 1000
        if event["event"] == "end":
            return first, (time.perf_counter() - start) * 1000, event


def figures_of(daemon, path):
    tail = f"/api/log/read?log_path={path}&tail_lines=1200&limit=65536"
    head = daemon.ask(tail)
    middle = head["size"] // 2
    return {
        "tail of 64 KiB, ms": median_ms(lambda: daemon.ask(tail)),
        "200 lines of the tail, folded, ms": median_ms(
            lambda: daemon.ask(f"/api/log/read?log_path={path}&tail_lines=200&form=lines")
        ),
        "jump to the middle by bytes, ms": median_ms(
            lambda: daemon.ask(f"/api/log/read?log_path={path}&offset={middle}&count=200&form=lines")
        ),
    }


def jump_to_line(daemon, path):
    """Waits until the lines are counted, and then jumps to the middle one."""
    start = time.perf_counter()
    while True:
        total = daemon.ask(f"/api/log/read?log_path={path}&tail_lines=1")["total_lines"]
        if total is not None:
            break
        time.sleep(0.02)
    counted = time.perf_counter() - start
    return counted, median_ms(
        lambda: daemon.ask(f"/api/log/read?log_path={path}&line={total // 2}&count=200&form=lines")
    )


def growth(daemon, path, seconds, rate):
    """Follows a log that grows by `rate` bytes a second; how late the last line came, and what it cost."""
    path.write_bytes(b"begin\n")
    response = daemon.open(f"/api/log/stream?path={path}")
    seen = {}

    def listen():
        for line in response:
            if line.startswith(b"data: ") and b"the very end" in line:
                seen["at"] = time.perf_counter()
                return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    block = b"".join(b"growing line %d of a busy log\n" % i for i in range(2000))
    cpu, begun, written = daemon.cpu(), time.perf_counter(), 0
    with path.open("ab", buffering=0) as file:
        while time.perf_counter() - begun < seconds:
            ahead = written / rate - (time.perf_counter() - begun)
            if ahead > 0:
                time.sleep(ahead)
            written += file.write(block)
        file.write(b"the very end\n")
    end = time.perf_counter()
    listener.join(30)
    late = (seen["at"] - end) * 1000 if "at" in seen else None
    return {
        "written, MiB a second": written / (end - begun) / (1 << 20),
        "last line late by, ms": late,
        "CPU of a core": (daemon.cpu() - cpu) / (end - begun),
    }


def measure(daemon, folder, dense_gib):
    result = {"resident at start, MiB": daemon.memory("VmRSS")}
    small, large, full = folder / "small.log", folder / "large.log", folder / "dense.log"
    small.write_bytes(b"".join(b"line %d of the tail, of some length as logs have it\n" % i for i in range(1300)))
    result["one page"] = figures_of(daemon, small)
    sparse(large, 10 * GIB)
    result["10 GiB, sparse"] = figures_of(daemon, large)
    counted, jump = jump_to_line(daemon, large)
    first, whole, end = first_hit_ms(daemon, large, "CUDA%20out")
    result["10 GiB, sparse"] |= {
        "lines counted after, s": counted,
        "jump to the middle line, ms": jump,
        "first search hit, ms": first,
        "whole search, ms": whole,
    }
    result["resident after 10 GiB, MiB"] = daemon.memory("VmRSS")
    dense(full, int(dense_gib * GIB))
    name = f"{dense_gib:g} GiB, dense"
    result[name] = figures_of(daemon, full)
    counted, jump = jump_to_line(daemon, full)
    first, whole, end = first_hit_ms(daemon, full, "Traceback")
    result[name] |= {
        "lines counted after, s": counted,
        "jump to the middle line, ms": jump,
        "whole search, ms": whole,
        "searched, MiB a second": end["scanned"] / (1 << 20) / (whole / 1000),
    }
    full.unlink()
    result["growth of 50 MB a second"] = growth(daemon, folder / "growing.log", 5, 50e6)
    result["most resident, MiB"] = daemon.memory("VmHWM")
    return result


def broken(result):
    found = []
    if result["most resident, MiB"] > MOST_RSS_MIB:
        found.append(f"resident memory: {result['most resident, MiB']:.1f} MiB, promised {MOST_RSS_MIB}")
    for what, small in result["one page"].items():
        large = result["10 GiB, sparse"][what]
        # A millisecond is what a busy machine adds by itself.
        if large > MOST_RATIO * max(small, 1):
            found.append(f"{what}: {large:.1f} with 10 GiB, {small:.1f} with one page")
    return found


def show(result, indent=""):
    for name, value in result.items():
        if isinstance(value, dict):
            print(f"{indent}{name}")
            show(value, indent + "  ")
        else:
            print(f"{indent}{name:<40}{'-' if value is None else f'{value:.2f}'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=REPO / "target/release/gpuyard", type=Path)
    parser.add_argument("--dense", default=1.0, type=float, metavar="GiB", help="size of the dense log")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help="exit 1 when what is promised does not hold")
    options = parser.parse_args()
    if not options.program.exists():
        raise SystemExit(f"{options.program} is not there: cargo build --release")
    below = REPO / "target"
    folder = Path(tempfile.mkdtemp(prefix="bench-logs-", dir=below))
    daemon = Daemon(options.program, folder)
    try:
        result = measure(daemon, folder, options.dense)
    finally:
        daemon.end()
        shutil.rmtree(folder)
    if options.json:
        json.dump(result, sys.stdout, indent=2)
        print()
    else:
        show(result)
    if options.check and (found := broken(result)):
        raise SystemExit("\n".join(found))


if __name__ == "__main__":
    main()
