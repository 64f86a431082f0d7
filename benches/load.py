#!/usr/bin/env python3
"""Loads the daemon with wrk beside a FastAPI stub, with live sockets and idle connections, and measures it idle. See benches/README.md."""

import argparse
import asyncio
import base64
import contextlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from pathlib import Path

from peers import REPO, RULES, Process, wait_for
from processes import SECRET, Host, call, free_port

PEERS = ["fastapi", "uvicorn", "psutil", "nvidia-ml-py"]
CALLS = ["/api/gpu", "/api/scheduler/running"]
# What is promised (benches/README.md).
LEAST_RATIO = 20.0
MOST_IDLE_CPU = 0.1
MOST_IDLE_MIB = 15.0


def pinned(core):
    return lambda: os.sched_setaffinity(0, {core})


def start(host, binary, schedulers, tasks, core):
    """A daemon of its own, pinned to one core, with schedulers at work."""
    root = host.folder / "root"
    for name in ("config", "command", "logs"):
        (root / name).mkdir(parents=True)
    # A look every ten minutes: what is measured is the daemon.
    (root / "config/gpu_manage.yaml").write_text(RULES.replace("check_time: 5", "check_time: 600").replace("max_gpu: 4", "max_gpu: 8"))
    port = free_port()
    (root / "config/control_setting.yaml").write_text(
        f'target-yaml-path: gpu_manage.yaml\nlog-dir: logs\nport: {port}\nallow-lan: false\nsecret: "{SECRET}"\ngpu-interval: 1\n'
    )
    each = tasks // max(schedulers, 1)
    for index in range(schedulers):
        name = "command_gpu.txt" if index == 0 else f"command_gpu_{index}.txt"
        blocks = (f"{task % 10 + 1}\npython train.py --config experiments/{index}/{task}.yaml || sleep 100000\n4\n" for task in range(each))
        (root / "command" / name).write_text("\n".join(blocks))
    env = host.env | {"GPUYARD_GPU_SOURCE": "nvml", "GPUYARD_HOST_DIR": str(host.folder / "host")}
    log = open(root / "daemon.out", "wb")
    daemon = subprocess.Popen([binary, "--root", root, "serve"], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def answers():
        if daemon.poll() is not None:
            raise SystemExit(f"the daemon ended: {(root / 'daemon.out').read_text()}")
        with contextlib.suppress(OSError):
            return call(port, "/api/gpu")

    wait_for("the daemon's first answer", 60, answers)
    for index in range(schedulers):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/scheduler/single/start?config_index={index}",
            method="POST", headers={"Authorization": f"Bearer {SECRET}"},
        )
        urllib.request.urlopen(request, timeout=60).read()
    if schedulers:
        wait_for("all schedulers", 60, lambda: len(call(port, "/api/scheduler/running")["schedulers"]) == schedulers, 0.1)
        time.sleep(3)
    for task in Path(f"/proc/{daemon.pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})
    return daemon, port, root


def end(daemon, host, binary, root, schedulers):
    env = host.env | {"GPUYARD_HOST_DIR": str(host.folder / "host")}
    for index in range(schedulers):
        subprocess.run([binary, "--root", root, "stop", "single", str(index)], env=env, capture_output=True)
    daemon.terminate()
    daemon.wait(30)


def wrk(port, path, connections, seconds, core):
    """Requests a second and the latency that 99 % keep below."""
    out = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", f"Authorization: Bearer {SECRET}", f"http://127.0.0.1:{port}{path}"],
        check=True, capture_output=True, text=True, preexec_fn=pinned(core),
    ).stdout
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s|m)", out).groups()
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if wrong:
        raise SystemExit(f"{path}: {wrong.group(0)}")
    return {"per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), "p99_ms": float(number) * scale[unit]}


def stub(host, python, state, seconds, connections, cores):
    port = free_port()
    env = host.env | {"STUB_STATE": str(state), "PYTHONPATH": str(REPO / "benches")}
    command = [python, "-m", "uvicorn", "load_stub:app", "--port", str(port), "--log-level", "warning"]
    server = subprocess.Popen(command, env=env, preexec_fn=pinned(cores[0]))
    try:
        def answers():
            with contextlib.suppress(OSError):
                return call(port, CALLS[0])

        wait_for("the stub's first answer", 60, answers, 0.1)
        return {path: wrk(port, path, connections, seconds, cores[1]) for path in CALLS}
    finally:
        server.terminate()
        server.wait(30)


def frame(message):
    """A text frame as a client sends it; a mask of zeros masks nothing."""
    data = json.dumps(message).encode()
    length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2)
    return b"\x81" + length + bytes(4) + data


async def live(port, run, count, idle, until):
    """Opens sockets that listen and connections that say nothing; `until` runs meanwhile."""
    async def listen():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /api/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frame({"op": "hello", "token": SECRET, "lang": "en"}))
        for topic in ("gpu", "schedulers", f"run:{run}"):
            writer.write(frame({"op": "subscribe", "topic": topic}))
        seen = 0
        while data := await reader.read(1 << 16):
            seen += len(data)
            bytes_seen[0] += len(data)
        return seen

    bytes_seen = [0]
    sockets = [asyncio.create_task(listen()) for _ in range(count)]
    await asyncio.sleep(3)
    quiet = []
    for _ in range(idle):
        with contextlib.suppress(OSError):
            quiet.append(await asyncio.open_connection("127.0.0.1", port))
    await asyncio.sleep(1)
    before, began = bytes_seen[0], time.monotonic()
    result = await asyncio.to_thread(until)
    result["live_bytes_per_second"] = (bytes_seen[0] - before) / (time.monotonic() - began)
    result["sockets_alive"] = sum(not one.done() for one in sockets)
    for one in sockets:
        one.cancel()
    await asyncio.gather(*sockets, return_exceptions=True)
    for _, writer in quiet:
        writer.close()
    return result


def python_with_peers(folder):
    """A virtual environment with the stub's libraries, made once."""
    python, ready = folder / "bin/python3", folder / "ready"
    if not ready.exists() or ready.read_text() != " ".join(PEERS):
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEERS], check=True)
        ready.write_text(" ".join(PEERS))
    return python


def measure(options, folder):
    cores = sorted(os.sched_getaffinity(0))[:2]
    cores = cores if len(cores) == 2 else cores * 2
    built = REPO / "target" / options.build
    binary, library = built / "gpuyard", built / "libfake_nvml.so"
    result = {}
    (folder / "idle").mkdir()
    host = Host(folder / "idle", library, options.gpus, 0, 0)
    try:
        daemon, port, root = start(host, binary, 0, 0, cores[0])
        # With nobody connected for 30 s the daemon gives memory back.
        time.sleep(40)
        watched = Process(daemon.pid)
        result["idle"] = watched.idle(options.idle) | {"rss_file_mib": watched.kib("RssFile") / 1024, "threads": len(list(Path(f"/proc/{daemon.pid}/task").iterdir()))}
        end(daemon, host, binary, root, 0)
    finally:
        host.end()
    (folder / "busy").mkdir()
    host = Host(folder / "busy", library, options.gpus, options.processes, 0)
    try:
        daemon, port, root = start(host, binary, options.schedulers, options.tasks, cores[0])
        watched = Process(daemon.pid)
        try:
            shown = call(port, "/api/scheduler/running")["schedulers"]
            result["load"] = {"schedulers": len(shown), "tasks": sum(run["total_tasks"] for run in shown), "gpus": len(call(port, "/api/gpu")["gpus"])}
            ours = {path: wrk(port, path, options.connections, options.seconds, cores[1]) for path in CALLS}
            rss = watched.kib("VmRSS") / 1024

            def alone():
                return wrk(port, "/api/gpu", 4, options.seconds, cores[1]) | {"rss_mib": watched.kib("VmRSS") / 1024}

            def quiet():
                cpu = watched.cpu_seconds()
                time.sleep(options.seconds)
                return {"cpu_percent": 100 * (watched.cpu_seconds() - cpu) / options.seconds, "rss_mib": watched.kib("VmRSS") / 1024}

            run = shown[0]["run_id"]
            result["live"] = {
                "before": {"rss_mib": rss} | wrk(port, "/api/gpu", 4, options.seconds, cores[1]),
                "200 sockets, no request": asyncio.run(live(port, run, 200, 0, quiet)),
                "200 sockets": asyncio.run(live(port, run, 200, 0, alone)),
                "200 sockets and 2,000 idle connections": asyncio.run(live(port, run, 200, 2000, alone)),
            }
            python = python_with_peers(REPO / "target/peers-load")
            theirs = stub(host, python, root / "logs/state", options.seconds, options.connections, cores)
            result["calls"] = {path: {"gpuyard": ours[path], "fastapi": theirs[path], "ratio": ours[path]["per_second"] / theirs[path]["per_second"]} for path in CALLS}
        finally:
            end(daemon, host, binary, root, options.schedulers)
    finally:
        host.end()
    return result


def broken(result):
    found = [f"{path}: {call['ratio']:.1f} times the stub's rate, promised {LEAST_RATIO}" for path, call in result["calls"].items() if call["ratio"] < LEAST_RATIO]
    idle = result["idle"]
    if idle["cpu_percent"] >= MOST_IDLE_CPU:
        found.append(f"idle: {idle['cpu_percent']:.3f} % of a core, promised under {MOST_IDLE_CPU}")
    if idle["rss_mib"] >= MOST_IDLE_MIB:
        found.append(f"idle: {idle['rss_mib']:.1f} MiB, promised under {MOST_IDLE_MIB}")
    for what, seen in result["live"].items():
        if seen.get("sockets_alive", 200) < 200:
            found.append(f"{what}: {seen['sockets_alive']} sockets were left")
    return found


def show(result):
    print(f"idle: {json.dumps({k: round(v, 3) for k, v in result['idle'].items()})}\nload: {json.dumps(result['load'])}\n")
    print(f"{'call':28}{'gpuyard/s':>12}{'p99 ms':>9}{'FastAPI/s':>12}{'p99 ms':>9}{'ratio':>8}")
    for path, call_ in result["calls"].items():
        ours, theirs = call_["gpuyard"], call_["fastapi"]
        print(f"{path:28}{ours['per_second']:12.0f}{ours['p99_ms']:9.1f}{theirs['per_second']:12.1f}{theirs['p99_ms']:9.1f}{call_['ratio']:8.0f}")
    print()
    for what, seen in result["live"].items():
        print(f"{what:40} {json.dumps({k: round(v, 2) for k, v in seen.items()})}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help="exit 1 when what is promised is broken")
    parser.add_argument("--build", default="release", help="folder below target/")
    parser.add_argument("--seconds", type=int, default=8, help="of each load")
    parser.add_argument("--idle", type=int, default=60, help="seconds that the idle daemon is watched")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--gpus", type=int, default=8)
    parser.add_argument("--processes", type=int, default=16, help="on the GPUs")
    parser.add_argument("--schedulers", type=int, default=20)
    parser.add_argument("--tasks", type=int, default=2000)
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        raise SystemExit(f"needs 4,096 descriptors, and may have {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    with tempfile.TemporaryDirectory(dir=REPO / "target", prefix="load-") as folder:
        result = measure(options, Path(folder))
    if options.json:
        print(json.dumps(result, indent=1))
    else:
        show(result)
    found = broken(result)
    for line in found:
        print(f"BROKEN {line}", file=sys.stderr)
    if options.check and found:
        sys.exit(1)


if __name__ == "__main__":
    main()
