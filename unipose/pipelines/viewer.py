"""Viewer: the system's own program for pictures."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from threading import Thread


def missing_viewer() -> str | None:
    """Why pictures cannot be shown here; None where they can."""
    if sys.platform in ("win32", "darwin"):
        return None
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set)"
    return None if shutil.which("xdg-open") else "there is no xdg-open here, which opens a window for a picture"


def show(picture: Path) -> None:
    """Open a picture in a window, which outlives this process. Raises OSError where nothing opens it."""
    if sys.platform == "win32":
        os.startfile(picture)
        return
    command = "open" if sys.platform == "darwin" else "xdg-open"
    viewer = subprocess.Popen(
        [command, str(picture.absolute())], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    Thread(target=viewer.wait, daemon=True).start()
