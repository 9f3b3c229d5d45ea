"""Processes: how many train together (torchrun starts them), what on, and what they share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import Sampler


def rank() -> int:
    return distributed.get_rank() if distributed.is_initialized() else 0


def world() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1


def has_bf16(device: torch.device) -> bool:
    """Whether bf16 is worth using: the processor's own units, not an emulation."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


@contextmanager
def joined(device: str) -> Iterator[torch.device]:
    """Join the others where torchrun started this process -> its device ("auto": a GPU if there is one).

    NCCL between GPUs, gloo between CPUs, on one node or several.
    """
    kind = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    if "WORLD_SIZE" not in os.environ:
        yield torch.device(kind)
        return
    own = torch.device(f"cuda:{os.environ['LOCAL_RANK']}" if kind == "cuda" else kind)
    distributed.init_process_group("nccl" if own.type == "cuda" else "gloo")
    try:
        yield own
    finally:
        distributed.destroy_process_group()


def share(network: nn.Module, device: torch.device) -> nn.Module:
    """The network with its gradients averaged over the processes, if there are several; batch norm too, on GPUs."""
    if world() == 1:
        return network
    if device.type == "cuda":
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return DistributedDataParallel(network, device_ids=[device.index])
    return DistributedDataParallel(network)


def mean(value: Tensor) -> Tensor:
    """The mean of a number over the processes."""
    if world() > 1:
        value = value.clone()
        distributed.all_reduce(value)
        value /= world()
    return value


class Batches(Sampler[list[int]]):
    """The batches of an epoch: `batch_size` is all processes' together, each gets its share of every batch.

    The order depends on the seed and the epoch alone, so that any number of processes sees the same batches. What does
    not fill a batch is left out, and comes in another epoch. Raises ValueError for sizes that do not fit.
    """

    def __init__(self, count: int, batch_size: int, seed: int):
        if count < batch_size:
            raise ValueError(f"{count} samples do not fill a batch of {batch_size}: lower train.batch_size")
        if batch_size % world():
            raise ValueError(f"train.batch_size={batch_size} must be a multiple of the {world()} processes")
        self.count, self.batch_size, self.seed = count, batch_size, seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.count // self.batch_size

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed((self.seed << 20) + self.epoch)
        order = torch.randperm(self.count, generator=generator).tolist()
        for i in range(len(self)):
            yield order[i * self.batch_size : (i + 1) * self.batch_size][rank() :: world()]
