"""Distributed training: the processes that torchrun starts, their devices, gradients and batches."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import Sampler

from unipose.runtime.torch_device import torch_device


def rank() -> int:
    return distributed.get_rank() if distributed.is_initialized() else 0


def world_size() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1


@contextmanager
def process_group(device: str) -> Iterator[torch.device]:
    """Join the process group if torchrun started this process -> its device ("auto": a GPU if there is one).

    NCCL between GPUs, gloo between CPUs, on one node or several.
    """
    kind = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    if "WORLD_SIZE" not in os.environ:
        yield torch_device(kind)
        return
    own = torch.device(f"cuda:{os.environ['LOCAL_RANK']}" if kind == "cuda" else kind)
    if own.type == "cuda":
        torch.cuda.set_device(own)  # else every process would open the first one too
    distributed.init_process_group("nccl" if own.type == "cuda" else "gloo")
    try:
        yield own
    finally:
        distributed.destroy_process_group()


def wrap_distributed(network: nn.Module, device: torch.device) -> nn.Module:
    """Average gradients over the processes, if there are several, and batch statistics too on GPUs."""
    if world_size() == 1:
        return network
    if device.type == "cuda":
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return DistributedDataParallel(network, device_ids=[device.index])
    return DistributedDataParallel(network)


def mean(value: Tensor) -> Tensor:
    """The mean of a number over the processes."""
    if world_size() > 1:
        value = value.clone()
        distributed.all_reduce(value)
        value /= world_size()
    return value


class DistributedBatchSampler(Sampler[list[int]]):
    """The batches of an epoch: each process gets its share of every batch of `batch_size` samples.

    The order depends on the seed and the epoch alone, so the batches are the same for any number of processes. Samples
    that do not fill a batch are left out of an epoch. Raises ValueError for sizes that do not fit.
    """

    def __init__(self, count: int, batch_size: int, seed: int):
        if count < batch_size:
            raise ValueError(f"{count} samples do not fill a batch of {batch_size}: lower train.batch_size")
        if batch_size % world_size():
            raise ValueError(f"train.batch_size={batch_size} must be a multiple of the {world_size()} processes")
        self.count, self.batch_size, self.seed = count, batch_size, seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.count // self.batch_size

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed((self.seed << 20) + self.epoch)
        order = torch.randperm(self.count, generator=generator).tolist()
        for i in range(len(self)):
            yield order[i * self.batch_size : (i + 1) * self.batch_size][rank() :: world_size()]
