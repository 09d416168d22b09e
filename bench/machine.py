"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import sqlite3
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path


def facts(directory: Path) -> dict[str, str | int | float]:
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "processor_count": os.cpu_count() or 0,
        "memory": _first("/proc/meminfo", "MemTotal") or "unknown",
        "file_system": file_system(directory),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "servers_loop": "asyncio" if find_spec("uvloop") is None else f"uvloop {version('uvloop')}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def file_system(directory: Path) -> str:
    """The type of the file system that holds the directory: the longest mount point above it."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    above = [(point, kind) for point, kind in mounts if directory.resolve().is_relative_to(point)]
    return max(above, key=lambda mount: len(mount[0]))[1] if above else "unknown"


def _first(path: str, name: str) -> str | None:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)
