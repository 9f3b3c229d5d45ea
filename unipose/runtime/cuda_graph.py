"""Replay: a network's forward pass at a few fixed batch sizes, on a GPU recorded once each as a CUDA graph."""

import threading
from collections.abc import Callable

import torch
from torch import Tensor, nn

Tensors = tuple[Tensor, ...]


class Replay:
    """The network's inputs -> a tuple of its outputs, all float32 on the CPU and led by B, any from 1 up.

    A batch is padded to the next power of two and at most `largest`, larger ones are split: a recorded graph is bound
    to its size, and launching one costs a fraction of launching its kernels one by one. On a CPU nothing is recorded;
    all else is the same. `precision` is autocast's dtype. Safe to call from several threads, which take turns.
    """

    def __init__(self, module: nn.Module, device: torch.device, precision: torch.dtype, largest: int = 32):
        self._module = module.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self._device = device
        self._precision = precision
        self._largest = largest
        self._sizes: dict[int, tuple[Tensors, Callable[[], Tensors]]] = {}
        self._turn = threading.Lock()

    @torch.inference_mode()
    def __call__(self, *inputs: Tensor) -> Tensors:
        parts = zip(*(torch.split(tensor, self._largest) for tensor in inputs), strict=True)
        return tuple(map(torch.cat, zip(*(self._padded(*part) for part in parts), strict=True)))

    def _padded(self, *given: Tensor) -> Tensors:
        count = len(given[0])
        size = 1 << (count - 1).bit_length()
        with self._turn:
            if size not in self._sizes:
                self._sizes[size] = self._prepare(*(tensor.new_zeros(size, *tensor.shape[1:]) for tensor in given))
            inputs, run = self._sizes[size]
            for place, tensor in zip(inputs, given, strict=True):
                place[:count].copy_(tensor, non_blocking=True)
            return tuple(output[:count].float().to("cpu", copy=True) for output in run())

    def _prepare(self, *zeros: Tensor) -> tuple[Tensors, Callable[[], Tensors]]:
        """-> the inputs to fill, and what then gives their outputs."""
        inputs = tuple(tensor.to(self._device, memory_format=torch.channels_last) for tensor in zeros)
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
            outputs = self._forward(inputs)

        def replay() -> Tensors:
            graph.replay()
            return outputs

        return inputs, replay

    def _forward(self, inputs: Tensors) -> Tensors:
        # Autocast's cache of cast weights would not outlive a recording.
        enabled = self._precision is not torch.float32
        with torch.autocast(self._device.type, self._precision, enabled=enabled, cache_enabled=False):
            outputs: Tensor | Tensors = self._module(*inputs)
        return outputs if isinstance(outputs, tuple) else (outputs,)
