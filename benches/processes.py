#!/usr/bin/env python3
"""Measures what one look at all GPU processes costs gpuyard, nvitop and gpustat, on one library. See benches/README.md."""

import argparse
import contextlib
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from peers import REPO, RULES, Process, wait_for

# What is promised (benches/README.md): so many times cheaper than either of the two. REFRESH is one program with one user, as
# the peers are; DAEMON serves many at once, and answers over HTTP in JSON.
REFRESH, DAEMON = "gpuyard ps --watch", "gpuyard"
LEAST_CHEAPER = {REFRESH: 10.0, DAEMON: 6.0}
PEERS = ["nvitop==1.7.2", "gpustat==1.1.1"]
SECRET = "a-secret-for-benches-that-nobody-guesses"

# Each looks N times, once before that to load what it loads, and prints the CPU seconds of each look.
NVITOP = """
import json, sys, time
from nvitop import take_snapshots
costs = []
take_snapshots()
for _ in range(int(sys.argv[1])):
    time.sleep(float(sys.argv[2]))
    began = time.process_time()
    seen = take_snapshots()
    costs.append(time.process_time() - began)
print(json.dumps({"costs": costs, "gpus": len(seen.devices), "processes": len({p.pid for p in seen.gpu_processes})}))
"""
GPUSTAT = """
import json, sys, time
from gpustat import new_query
costs = []
new_query()
for _ in range(int(sys.argv[1])):
    time.sleep(float(sys.argv[2]))
    began = time.process_time()
    seen = new_query()
    costs.append(time.process_time() - began)
print(json.dumps({"costs": costs, "gpus": len(seen), "processes": len({p["pid"] for gpu in seen for p in gpu.processes})}))
"""


class Host:
    """Sleeping processes, some of them on the GPUs of a library of our own."""

    def __init__(self, folder, library, gpus, on_gpus, others):
        self.folder = folder
        # Children of one shell, which is nobody's child, as what someone left behind: gone with its process group.
        script = f"echo $$; for ((i = 0; i < {on_gpus + others}; i++)); do sleep 100000 & echo $!; done; echo; wait"
        made = subprocess.Popen(["bash", "-c", 'setsid bash -c "$1" & exit', "-", script], stdout=subprocess.PIPE, text=True)
        self.group = int(made.stdout.readline())
        pids = [int(line) for line in iter(made.stdout.readline, "\n")]
        made.wait()
        shutil.copy(library, folder / "libnvidia-ml.so.1")
        self.used = pids[:on_gpus]
        cards = [self.card(n, self.used[n::gpus]) for n in range(gpus)]
        (folder / "fake-nvml.json").write_text(json.dumps({"gpus": cards}))
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("GPUYARD_") and k != "CUDA_VISIBLE_DEVICES"}
        self.env["LD_LIBRARY_PATH"] = str(folder)
        self.env["FAKE_NVML_STILL"] = "1"

    @staticmethod
    def card(number, pids):
        return {
            "uuid": f"GPU-{number:08x}-1111-2222-3333-444444444444",
            "bus": 16 + number,
            "processes": [{"pid": pid, "memory": 1 << 30, "sm": 10} for pid in pids],
        }

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.group, 9)


def peer(host, python, script, looks, pause):
    out = subprocess.run([python, "-c", script, str(looks), str(pause)], env=host.env, check=True, capture_output=True, text=True)
    seen = json.loads(out.stdout)
    return {**spread(seen.pop("costs")), **seen}


def spread(costs):
    return {"ms": statistics.mean(costs) * 1000, "median_ms": statistics.median(costs) * 1000, "max_ms": max(costs) * 1000}


class Page:
    """Who looks, over one connection, as a page does."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def call(self, path):
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {SECRET}"})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {body.decode(errors='replace')}")
        return json.loads(body)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def gpuyard(host, binary, looks, pause):
    """The whole daemon: sampling once a pause, and one page that looks as often."""
    root = host.folder / "root"
    for name in ("config", "command", "logs"):
        (root / name).mkdir(parents=True)
    (root / "config/gpu_manage.yaml").write_text(RULES)
    port = free_port()
    (root / "config/control_setting.yaml").write_text(
        f'target-yaml-path: gpu_manage.yaml\nlog-dir: logs\nport: {port}\nallow-lan: false\nsecret: "{SECRET}"\ngpu-interval: {pause}\n'
    )
    env = host.env | {"GPUYARD_GPU_SOURCE": "nvml", "GPUYARD_HOST_DIR": str(host.folder / "host")}
    with open(root / "daemon.out", "wb") as log:
        daemon = subprocess.Popen([binary, "--root", root, "serve"], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        def answers():
            with contextlib.suppress(OSError):
                return Page(port).call("/api/gpu/processes")
            if daemon.poll() is not None:
                raise SystemExit(f"the daemon ended: {(root / 'daemon.out').read_text()}")
            return None

        wait_for("the daemon's first answer", 30, answers)
        page, watched = Page(port), Process(daemon.pid)
        result = {}
        for what, look in [("idle", None), ("/api/gpu/processes", "/api/gpu/processes"), ("/api/gpu", "/api/gpu")]:
            costs = []
            for _ in range(looks):
                began = watched.cpu_seconds()
                time.sleep(pause)
                if look:
                    page.call(look)
                costs.append(watched.cpu_seconds() - began)
            result[what] = spread(costs)
        seen = page.call("/api/gpu/processes")
        result["/api/gpu/processes"] |= {"gpus": len(page.call("/api/gpu")["gpus"]), "processes": len(seen["processes"])}
        result["rss_mib"] = watched.kib("VmRSS") / 1024
        return result
    finally:
        daemon.terminate()
        daemon.wait(30)


def command_line(host, binary, looks):
    """`gpuyard ps` without a daemon, from exec to exit."""
    costs = []
    env = host.env | {"GPUYARD_GPU_SOURCE": "nvml", "GPUYARD_HOST_DIR": str(host.folder / "host")}
    (host.folder / "bare").mkdir()
    for _ in range(looks):
        before = os.times()
        subprocess.run([binary, "--root", host.folder / "bare", "ps"], env=env, check=True, capture_output=True)
        after = os.times()
        costs.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return spread(costs)


def refresh(host, binary, looks, pause):
    """`gpuyard ps --watch` without a daemon: reads and draws once a pause."""
    env = host.env | {"GPUYARD_GPU_SOURCE": "nvml", "GPUYARD_HOST_DIR": str(host.folder / "host")}
    drawn = host.folder / "drawn"
    with open(drawn, "wb") as out:
        program = subprocess.Popen(
            [binary, "--root", host.folder / "bare", "ps", f"--watch={pause}"], env=env, stdin=subprocess.DEVNULL, stdout=out
        )
    try:
        # The first look loads what it loads; a second one is whole when a third begins.
        heads = lambda: drawn.read_bytes().count(b"PID")
        wait_for("two looks", 30, lambda: heads() >= 2)
        watched, seen = Process(program.pid), heads()
        began = watched.cpu_seconds()
        time.sleep(looks * pause)
        spent, seen = watched.cpu_seconds() - began, heads() - seen
        last = drawn.read_text().rsplit("PID", 2)[-2]
        return {"ms": spent / seen * 1000, "processes": sum(f" {pid} " in last for pid in host.used)}
    finally:
        program.terminate()
        program.wait(30)


def python_with_peers(folder):
    """A virtual environment with the peers, made once."""
    python = folder / "bin/python3"
    ready = folder / "ready"
    if not ready.exists() or ready.read_text() != " ".join(PEERS):
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEERS], check=True)
        ready.write_text(" ".join(PEERS))
    return python


def measure(options, folder):
    python = python_with_peers(options.venv)
    host = Host(folder, options.library, options.gpus, options.processes, options.others)
    try:
        result = {"gpuyard": gpuyard(host, options.binary, options.looks, options.pause)}
        result["gpuyard ps"] = command_line(host, options.binary, 5)
        result[REFRESH] = refresh(host, options.binary, options.looks, options.pause)
        result["nvitop"] = peer(host, python, NVITOP, options.looks, options.pause)
        result["gpustat"] = peer(host, python, GPUSTAT, options.looks, options.pause)
    finally:
        host.end()
    for who in ("nvitop", "gpustat"):
        seen = (result[who]["gpus"], result[who]["processes"])
        if seen != (options.gpus, options.processes):
            raise SystemExit(f"{who} saw {seen[1]} processes on {seen[0]} GPUs: nothing to compare with")
    own = result["gpuyard"]["/api/gpu/processes"]
    if (own["gpus"], own["processes"]) != (options.gpus, options.processes):
        raise SystemExit(f"gpuyard saw {own['processes']} processes on {own['gpus']} GPUs")
    if result[REFRESH]["processes"] != options.processes:
        raise SystemExit(f"{REFRESH} drew {result[REFRESH]['processes']} processes")
    ours = {REFRESH: result[REFRESH]["ms"], DAEMON: own["ms"]}
    result["cheaper"] = {of: {who: result[who]["ms"] / ms for who in ("nvitop", "gpustat")} for of, ms in ours.items()}
    return result


def broken(result):
    return [
        f"{who} costs {times:.1f} × {of}, promised {LEAST_CHEAPER[of]:.0f} ×"
        for of, peers in result["cheaper"].items()
        for who, times in peers.items()
        if times < LEAST_CHEAPER[of]
    ]


def show(result, options):
    print(f"\n{options.gpus} GPUs, {options.processes} processes on them, {options.others} others; CPU of one look, {options.looks} looks\n")
    print(f"| who | mean ms | median ms | max ms | × {REFRESH} | × the daemon's answer |\n|---|---|---|---|---|---|")
    yard = result[DAEMON]
    rows = [(f"{REFRESH}, reading and drawing", result[REFRESH])]
    rows += [(f"the daemon, sampling and {what}", yard[what]) for what in ("/api/gpu/processes", "/api/gpu")]
    rows += [("the daemon, sampling, nobody looks", yard["idle"]), ("gpuyard ps, a whole program", result["gpuyard ps"])]
    rows += [(who, result[who]) for who in ("nvitop", "gpustat")]
    for who, f in rows:
        figures = [f.get(key) for key in ("ms", "median_ms", "max_ms")]
        figures = [f"{figure:.2f}" if figure is not None else "" for figure in figures]
        times = [f"{result['cheaper'][of][who]:.1f}" if who in result["cheaper"][of] else "" for of in (REFRESH, DAEMON)]
        print(f"| {' | '.join([who, *figures, *times])} |")
    print(f"\nthe daemon: {yard['rss_mib']:.1f} MiB resident")


def main():
    target = REPO / "target"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, default=target / "release/gpuyard", help="which gpuyard (default: the release build)")
    parser.add_argument("--library", type=Path, default=target / "release/libfake_nvml.so", help="the library that all of them read")
    parser.add_argument("--venv", type=Path, default=target / "bench-venv", help="where nvitop and gpustat are, or are put")
    parser.add_argument("--gpus", type=int, default=8)
    parser.add_argument("--processes", type=int, default=50, help="on the GPUs")
    parser.add_argument("--others", type=int, default=450, help="sleeping processes besides")
    parser.add_argument("--looks", type=int, default=20)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two looks, and two samples of the daemon")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 when a promise is broken")
    options = parser.parse_args()
    for path, made_by in ((options.binary, "cargo build --release"), (options.library, "cargo build --release -p fake-nvml")):
        if not path.exists():
            parser.error(f"{path} is not built: {made_by}")
    options.binary = options.binary.resolve()
    folder = Path(tempfile.mkdtemp(prefix="processes.", dir=target))
    try:
        result = measure(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(result, indent=2)) if options.json else show(result, options)
    for text in broken(result):
        print(f"BROKEN PROMISE: {text}", file=sys.stderr)
    return 1 if options.check and broken(result) else 0


if __name__ == "__main__":
    sys.exit(main())
