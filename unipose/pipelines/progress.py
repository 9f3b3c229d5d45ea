"""Progress of a long command: a bar on a terminal; elsewhere a line every ten seconds, also while nothing moves on."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from time import monotonic
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

EVERY = 10.0  # seconds from line to line

T = TypeVar("T", covariant=True)


class Parts(Protocol[T]):
    """A list, or another thing that has a length and is gone through."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[T]: ...


Advance = Callable[..., None]
"""`advance(count=1, note="")`: so many more are done; `note` is shown from then on."""


class SpeedColumn(ProgressColumn):
    """How many a second."""

    def __init__(self, unit: str):
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} {self._unit}/s" if task.speed else "")


@contextmanager
def progress(console: Console, unit: str, total: int | None, done: int = 0) -> Iterator[Advance]:
    """Shows how many `unit`, as "images", of `total` are done, until the context is left -> `advance`.

    A command of less than ten seconds says nothing where there is no terminal. None: the total is not known.
    """
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        SpeedColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    began, ended = monotonic(), Event()
    here = sys.stdout is not None and sys.stdout.isatty()  # else what is printed goes elsewhere, not above the bar
    with Progress(*columns, console=console, disable=not console.is_terminal, redirect_stdout=here) as bar:
        bar.add_task("", total=total, completed=done, note="")
        [task] = bar.tasks

        def advance(count: int = 1, note: str = "") -> None:
            bar.update(task.id, advance=count, note=note or task.fields["note"])

        def tell() -> None:
            while not ended.wait(EVERY):
                console.print(
                    line(task, unit, done, monotonic() - began), markup=False, highlight=False, soft_wrap=True
                )

        teller = Thread(target=tell, name="progress", daemon=True)
        if not (console.is_terminal or console.quiet):
            teller.start()
        try:
            yield advance
        finally:
            ended.set()
            if teller.is_alive():
                teller.join()


def line(task: Task, unit: str, before: int, seconds: float) -> str:
    """What is said of a task of which `before` were done when it began, `seconds` ago."""
    made = task.completed - before
    of = "" if task.total is None else f" of {task.total:.0f}"
    parts = [f"{task.completed:.0f}{of} {unit}", f"{timedelta(seconds=round(seconds))} so far"]
    if made and task.total is not None and task.total > task.completed:
        left = seconds / made * (task.total - task.completed)
        parts.append(f"about {timedelta(seconds=round(left))} left")
    return ", ".join([*parts, *([task.fields["note"]] if task.fields["note"] else [])])


def track(work: Parts[T], unit: str, console: Console | None = None) -> Iterator[T]:
    """The parts of some work, one after another, and their `progress`, by default on the standard error."""
    with progress(console or Console(stderr=True), unit, len(work)) as advance:
        for part in work:
            yield part
            advance()
