"""GraphedModule: a network's forward pass at a few fixed batch sizes, each recorded as a CUDA graph on a GPU."""

import threading
from collections.abc import Callable

import torch
from torch import Tensor, nn

Tensors = tuple[Tensor, ...]


class GraphedModule:
    """The network's inputs -> a tuple of its outputs, all float32 on the CPU with B in front, any B from 1 up.

    A batch is padded to the next power of two, and one of more than `largest` is split, because a CUDA graph is bound
    to its size; launching one costs a fraction of launching its kernels one by one. On a CPU nothing is recorded, and
    all else is the same. `precision` is autocast's dtype. Safe to call from several threads: calls run one at a time.
    """

    def __init__(self, module: nn.Module, device: torch.device, precision: torch.dtype, largest: int = 32):
        self._module = module.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self._device = device
        self._precision = precision
        self._largest = largest
        self._by_size: dict[int, tuple[Tensors, Callable[[], Tensors]]] = {}
        self._lock = threading.Lock()

    @torch.inference_mode()
    def __call__(self, *inputs: Tensor) -> Tensors:
        parts = zip(*(torch.split(tensor, self._largest) for tensor in inputs), strict=True)
        return tuple(map(torch.cat, zip(*(self._run_padded(*part) for part in parts), strict=True)))

    def _run_padded(self, *inputs: Tensor) -> Tensors:
        count = len(inputs[0])
        size = 1 << (count - 1).bit_length()
        with self._lock:
            if size not in self._by_size:
                self._by_size[size] = self._prepare(*(tensor.new_zeros(size, *tensor.shape[1:]) for tensor in inputs))
            buffers, run = self._by_size[size]
            for buffer, tensor in zip(buffers, inputs, strict=True):
                buffer[:count].copy_(tensor, non_blocking=True)
            return tuple(output[:count].float().to("cpu", copy=True) for output in run())

    def _prepare(self, *zeros: Tensor) -> tuple[Tensors, Callable[[], Tensors]]:
        """-> the buffers that take the inputs, and a function that computes the outputs from them."""
        buffers = tuple(tensor.to(self._device, memory_format=torch.channels_last) for tensor in zeros)
        if self._device.type != "cuda":
            return buffers, lambda: self._forward(buffers)
        stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream):
            for _ in range(3):  # cuDNN and cuBLAS choose their kernels before the recording
                self._forward(buffers)
        torch.cuda.current_stream(self._device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = self._forward(buffers)

        def run() -> Tensors:
            graph.replay()
            return outputs

        return buffers, run

    def _forward(self, inputs: Tensors) -> Tensors:
        # Autocast's cache of cast weights would not outlive a recording.
        enabled = self._precision is not torch.float32
        with torch.autocast(self._device.type, self._precision, enabled=enabled, cache_enabled=False):
            outputs: Tensor | Tensors = self._module(*inputs)
        return outputs if isinstance(outputs, tuple) else (outputs,)
