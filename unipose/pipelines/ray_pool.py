"""Ray's workers for the inputs of a batch; one that dies is replaced, and its inputs are tried again."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import ray
import ray.data
import ray.exceptions

from unipose.core.hardware import cores
from unipose.pipelines.worker import BatchOptions, Worker, is_video

GROUP = 32  # images that a worker takes at a time, which makes Ray's work for each group negligible


@contextmanager
def ray_cluster(address: str) -> Iterator[None]:
    """Connected to a Ray cluster; "local" starts one on this machine, which ends with the context.

    Raises ConnectionError where there is none.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # that a worker dies needs no message: it is replaced
    here: dict[str, Any] = {"num_cpus": cores(), "include_dashboard": False} if address == "local" else {}
    ray.init(address, logging_level=logging.CRITICAL, log_to_driver=False, **here)
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors are raised as well
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # in place of Ray's: ends in good order, as by Ctrl-C
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
    ):  # where Ray prints every worker that ends
        try:
            yield
        finally:
            ray.shutdown()


def work(options: BatchOptions, names: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Each of the inputs by name, once, when it is finished, with its error or "", and warnings.

    Ray restarts a worker that dies, and gives it its groups again. Raises ValueError for too many workers, and where
    none can start.
    """
    workers, threads = share(options.workers, options.threads)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    groups = grouped(names, workers)
    rows = ray.data.from_items([{"inputs": group} for group in groups], override_num_blocks=len(groups)).flat_map(
        Worker,
        fn_constructor_args=(options, threads),
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=threads,
        num_gpus=1 if options.predictor.device.startswith("cuda") else None,
    )
    try:
        for row in rows.iter_rows():
            yield row["input"], row["error"], row["warnings"].splitlines()
    except ray.exceptions.RayError as error:  # as where a machine lacks the model's file
        raise ValueError(f"Ray's workers cannot work: {str(error).strip().splitlines()[-1]}") from error


def share(workers: int | None, threads: int | None) -> tuple[int, int]:
    """-> the number of workers, and of each one's threads, that fit the cluster's cores. Raises ValueError for more."""
    machines = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    workers = workers or sum(machines) // (threads or 1)
    threads = threads or min(sum(machines) // workers, max(machines))
    if min(workers, threads) < 1 or workers > sum(one // threads for one in machines):
        raise ValueError(f"{workers} workers with {threads} threads each do not fit into the cores, {machines}")
    return workers, threads


def grouped(names: list[str], workers: int) -> list[list[str]]:
    """Each video alone, images in groups so small that every worker gets several."""
    videos = [[name] for name in names if is_video(name)]
    images = [name for name in names if not is_video(name)]
    size = max(1, min(GROUP, len(images) // (4 * workers)))
    return videos + [images[i : i + size] for i in range(0, len(images), size)]
