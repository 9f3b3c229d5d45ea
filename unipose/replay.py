"""Replay: a network's forward pass at a few fixed batch sizes, on a GPU recorded once each as a CUDA graph."""

import threading
from collections.abc import Callable

import torch
from torch import Tensor, nn


class Replay:
    """Images (B, 3, H, W) float32 -> heatmaps (B, K, h, w) float32, both on the CPU, any B from 1 up.

    A batch is padded to the next power of two and at most `largest`, larger ones are split: a recorded graph is bound
    to its size, and launching one costs a fraction of launching its kernels one by one. On a CPU nothing is recorded;
    all else is the same. `precision` is autocast's dtype. Safe to call from several threads, which take turns.
    """

    def __init__(self, module: nn.Module, device: torch.device, precision: torch.dtype, largest: int = 32):
        self._module = module.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self._device = device
        self._precision = precision
        self._largest = largest
        self._sizes: dict[int, tuple[Tensor, Callable[[], Tensor]]] = {}
        self._turn = threading.Lock()

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        return torch.cat([self._padded(part) for part in torch.split(images, self._largest)])

    def _padded(self, images: Tensor) -> Tensor:
        size = 1 << (len(images) - 1).bit_length()
        with self._turn:
            if size not in self._sizes:
                self._sizes[size] = self._prepare(images.new_zeros(size, *images.shape[1:]))
            inputs, run = self._sizes[size]
            inputs[: len(images)].copy_(images, non_blocking=True)
            return run()[: len(images)].float().to("cpu", copy=True)

    def _prepare(self, images: Tensor) -> tuple[Tensor, Callable[[], Tensor]]:
        """-> the inputs to fill, and what then gives their maps."""
        inputs = images.to(self._device, memory_format=torch.channels_last)
        if self._device.type != "cuda":
            return inputs, lambda: self._forward(inputs)
        stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream):
            for _ in range(3):  # libraries choose their kernels before the recording
                self._forward(inputs)
        torch.cuda.current_stream(self._device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            maps = self._forward(inputs)

        def replay() -> Tensor:
            graph.replay()
            return maps

        return inputs, replay

    def _forward(self, inputs: Tensor) -> Tensor:
        # Autocast's cache of cast weights would not outlive a recording.
        enabled = self._precision is not torch.float32
        with torch.autocast(self._device.type, self._precision, enabled=enabled, cache_enabled=False):
            maps: Tensor = self._module(inputs)
        return maps
