"""What the system before did for two calls, as a FastAPI application: psutil and nvidia-ml-py at each call, state files read at each call."""

import glob
import json
import os
import time

import psutil
import pynvml
from fastapi import FastAPI

app = FastAPI()
STATE = os.environ["STUB_STATE"]
pynvml.nvmlInit()


def or_none(ask, *args):
    try:
        return ask(*args)
    except pynvml.NVMLError:
        return None


def process(entry, index):
    out = {"pid": entry.pid, "gpu_index": index, "gpu_memory": entry.usedGpuMemory}
    try:
        one = psutil.Process(entry.pid)
        with one.oneshot():
            out |= {
                "username": one.username(),
                "name": one.name(),
                "command": " ".join(one.cmdline()),
                "cpu_percent": one.cpu_percent(),
                "host_memory": one.memory_info().rss,
                "running_time": time.time() - one.create_time(),
            }
    except psutil.Error:
        pass
    return out


@app.get("/api/gpu")
def gpu():
    gpus = []
    for index in range(pynvml.nvmlDeviceGetCount()):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        load = or_none(pynvml.nvmlDeviceGetUtilizationRates, handle)
        gpus.append({
            "index": index,
            "uuid": pynvml.nvmlDeviceGetUUID(handle),
            "name": pynvml.nvmlDeviceGetName(handle),
            "temperature": or_none(pynvml.nvmlDeviceGetTemperature, handle, 0),
            "utilization": {"gpu": load and load.gpu, "memory": load and load.memory},
            "memory": {"used": memory.used, "free": memory.free, "total": memory.total},
            "power": {"draw": or_none(pynvml.nvmlDeviceGetPowerUsage, handle), "limit": or_none(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)},
            "fan_speed": or_none(pynvml.nvmlDeviceGetFanSpeed, handle),
            "processes": [process(entry, index) for entry in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)],
        })
    disk, memory, swap = psutil.disk_usage("/"), psutil.virtual_memory(), psutil.swap_memory()
    return {
        "available": True,
        "gpu_count": len(gpus),
        "gpus": gpus,
        "host": {"cpu": psutil.cpu_percent(), "memory": memory._asdict(), "swap": swap._asdict(), "disk": disk._asdict(), "load": os.getloadavg()},
    }


@app.get("/api/scheduler/running")
def running():
    schedulers = []
    for path in glob.glob(f"{STATE}/*.json"):
        with open(path) as file:
            run = json.load(file)
        if psutil.pid_exists(run["pid"]):
            schedulers.append(run)
    return {"schedulers": schedulers}
