"""The machine's hardware."""

import os


def cores() -> int:
    """CPU cores this process may use; a container can limit them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
