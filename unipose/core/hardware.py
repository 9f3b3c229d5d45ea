"""The machine's hardware."""

import os
from functools import cache
from pathlib import Path

INT8_UNITS = {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"}  # as Linux names them, on x86 and on ARM


def cores() -> int:
    """CPU cores this process may use; a container can limit them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def has_int8_units(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor says that it has units for products of 8-bit numbers; False where it says nothing."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    flags = next((line.partition(":")[2] for line in lines if line.startswith(("flags", "Features"))), "")
    return not INT8_UNITS.isdisjoint(flags.split())
