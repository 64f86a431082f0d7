#!/usr/bin/env python3
"""Measures what it costs to submit ad-hoc tasks and to list a long line of them. See benches/README.md."""

import argparse
import http.client
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from peers import REPO, RULES, wait_for
from processes import SECRET, call, free_port

# What is promised (benches/README.md).
MOST_SUBMIT = 3.0
MOST_PAGE = 3.0

# One row with the columns that people fill, on disk when its transaction returns.
TABLE = "CREATE TABLE tasks (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, command TEXT, status TEXT, priority INTEGER, created_at INTEGER)"
INSERT = "INSERT INTO tasks (name, command, status, priority, created_at) VALUES (?, ?, 'queued', 0, ?)"


class Daemon:
    """A daemon of its own, whose tasks all wait: the rules let it have no GPU."""

    def __init__(self, folder, binary):
        root = folder / "root"
        for name in ("config", "command", "logs"):
            (root / name).mkdir(parents=True)
        (root / "config/gpu_manage.yaml").write_text(RULES.replace("max_gpu: 4", "max_gpu: 0"))
        self.port = free_port()
        (root / "config/control_setting.yaml").write_text(
            f'target-yaml-path: gpu_manage.yaml\nlog-dir: logs\nport: {self.port}\nallow-lan: false\nsecret: "{SECRET}"\n'
        )
        self.env = os.environ | {"GPUYARD_GPU_SOURCE": "simulated:8x24GiB", "GPUYARD_HOST_DIR": str(folder / "host")}
        self.words = [binary, "--root", root]
        log = open(root / "daemon.out", "wb")
        self.process = subprocess.Popen([*self.words, "serve"], env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def answers():
            if self.process.poll() is not None:
                raise SystemExit(f"the daemon ended: {(root / 'daemon.out').read_text()}")
            try:
                return call(self.port, "/api/gpu")
            except OSError:
                return None

        wait_for("the daemon's first answer", 60, answers)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port)

    def ask(self, method, path, body=None):
        """The answer, and milliseconds to its last byte, on one connection that stays."""
        data = None if body is None else json.dumps(body)
        began = time.perf_counter()
        self.connection.request(method, path, data, {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status != 200:
            raise SystemExit(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text), took

    def end(self):
        subprocess.run([*self.words, "stop", "tasks", "--wait"], env=self.env, capture_output=True)
        self.process.terminate()
        self.process.wait(30)


def median(times):
    return statistics.median(times)


def submitting(daemon, folder, rounds):
    """In turns: a task over the API, the same row by Python's sqlite3, and an answer that costs nothing."""
    database = sqlite3.connect(folder / "beside.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(TABLE)
    submit, insert, nothing = [], [], []
    for number in range(rounds):
        command = f"source ~/conda.sh\nconda activate pt212\npython train.py --seed {number}"
        submit.append(daemon.ask("POST", "/api/tasks", {"command": command, "memory": 20})[1])
        began = time.perf_counter()
        database.execute("BEGIN IMMEDIATE")
        database.execute(INSERT, (f"t{number}", command, time.time_ns()))
        database.execute("COMMIT")
        insert.append((time.perf_counter() - began) * 1000)
        nothing.append(daemon.ask("GET", "/api/health")[1])
    database.close()
    return {"submit_ms": median(submit), "submit_p99_ms": sorted(submit)[int(len(submit) * 0.99)], "insert_ms": median(insert), "answer_ms": median(nothing)}


def pages(daemon, looks):
    """Milliseconds of a page of 50: the newest, one in the middle, one that is searched for."""
    newest, _ = daemon.ask("GET", "/api/tasks?limit=1")
    middle = newest["tasks"][0]["id"] // 2 + 51
    paths = {"first": "/api/tasks?limit=50", "middle": f"/api/tasks?limit=50&cursor={middle}", "search": "/api/tasks?limit=50&q=train"}
    return {name: median([daemon.ask("GET", path)[1] for _ in range(looks)]) for name, path in paths.items()}


def measure(args, folder):
    daemon = Daemon(folder, args.binary)
    try:
        result = submitting(daemon, folder, args.rounds)
        result["few"] = pages(daemon, args.looks)
        left, sweep_ms = args.tasks - args.rounds, 0.0
        while left > 0:
            some = min(left, 10_000)
            sweep_ms += daemon.ask("POST", "/api/tasks", {"command": "python train.py --seed {seed}", "memory": 20, "matrix": {"seed": list(range(some))}})[1]
            left -= some
        result["sweep_ms_a_task"] = sweep_ms / max(args.tasks - args.rounds, 1)
        counts, _ = daemon.ask("GET", "/api/tasks?limit=1")
        result["queued"] = counts["counts"]["queued"]
        result["many"] = pages(daemon, args.looks)
        # The line is long now: one more at its end.
        more = [daemon.ask("POST", "/api/tasks", {"command": "true", "memory": 20})[1] for _ in range(args.looks)]
        result["submit_behind_many_ms"] = median(more)
    finally:
        daemon.end()
    result["submit_ratio"] = result["submit_ms"] / (result["insert_ms"] + result["answer_ms"])
    result["page_ratio"] = max(result["many"][name] / result["few"][name] for name in ("first", "middle"))
    return result


def show(result):
    print(f"submit over the API          {result['submit_ms']:7.2f} ms   p99 {result['submit_p99_ms']:.2f} ms")
    print(f"sqlite3 insert, synced       {result['insert_ms']:7.2f} ms")
    print(f"an answer that costs nothing {result['answer_ms']:7.2f} ms   submit / (insert + answer): {result['submit_ratio']:.2f}")
    print(f"in one sweep, each           {result['sweep_ms_a_task']:7.3f} ms")
    print(f"submit behind {result['queued']:<14} {result['submit_behind_many_ms']:7.2f} ms")
    for name in ("first", "middle", "search"):
        few, many = result["few"][name], result["many"][name]
        print(f"page of 50, {name:<16} {many:7.2f} ms   among few: {few:.2f} ms, {many / few:.2f} times")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=REPO / "target/release/gpuyard", type=Path)
    parser.add_argument("--tasks", type=int, default=10_000, help="in the line in the end")
    parser.add_argument("--rounds", type=int, default=300, help="tasks that are submitted one by one")
    parser.add_argument("--looks", type=int, default=50, help="at each page")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help="exit 1 where a promise is broken")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-tasks-", dir=REPO / "target") as folder:
        result = measure(args, Path(folder))
    print(json.dumps(result, indent=2)) if args.json else show(result)
    broken = [
        f"{what}: {value:.2f} times, more than {most}"
        for what, value, most in (("submit", result["submit_ratio"], MOST_SUBMIT), ("a page of 50", result["page_ratio"], MOST_PAGE))
        if value > most
    ]
    for said in broken:
        print(said, file=sys.stderr)
    if args.check and broken:
        sys.exit(1)


if __name__ == "__main__":
    main()
