"""What OS processes have used so far: CPU time and memory. Reads /proc, so it knows nothing where there is none."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

IS_KNOWN = Path("/proc/self/stat").exists()


def cpu_s(process_ids: Iterable[int]) -> float:
    """User and system time of all threads of these, in seconds."""
    return sum(_cpu_ticks(process_id) for process_id in process_ids) / os.sysconf("SC_CLK_TCK")


def resident_bytes(process_ids: Iterable[int]) -> int:
    """Memory that is really there, shared pages counted for each."""
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in process_ids)
    return pages * os.sysconf("SC_PAGE_SIZE")


def _cpu_ticks(process_id: int) -> int:
    # The name in brackets may hold spaces: the fields are counted from behind it.
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
