"""GraphedModule: a network's forward pass at a few fixed batch sizes, each recorded as a CUDA graph on a GPU."""

import queue
import threading
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn

Tensors = tuple[Tensor, ...]

LARGEST = {"cuda": 256}  # a batch that is not split, elsewhere 32
LANES = {"cuda": 2}  # calls that are under way at the same time, elsewhere 1
_RECORDING = threading.Lock()  # one recording in a process: each begins by waiting for its device, which ends another


class GraphedModule:
    """A module's inputs -> a tuple of its outputs, all on the CPU with B in front, any B from 1 up.

    A batch is padded to the next power of two, and one of more than `largest` is split, because a CUDA graph is bound
    to its size; launching one costs a fraction of launching its kernels one by one. On a CPU nothing is recorded, and
    all else is the same. Safe to call from several threads, of which as many as there are lanes are at work: while
    one's graph runs, another's inputs go up and answers come down, each on its lane's own stream.
    """

    def __init__(self, module: nn.Module, device: torch.device, largest: int | None = None):
        self._module = module.to(device).eval()
        self.largest = largest or LARGEST.get(device.type, 32)
        self.lanes = LANES.get(device.type, 1)
        self._free: queue.SimpleQueue[_Lane] = queue.SimpleQueue()
        for _ in range(self.lanes):
            self._free.put(_Lane(self._module, device))
        self._ready: set[int] = set()

    @torch.inference_mode()
    def __call__(self, *inputs: Tensor) -> Tensors:
        parts = zip(*(torch.split(tensor, self.largest) for tensor in inputs), strict=True)
        outputs = [self._run_padded(*part) for part in parts]
        return outputs[0] if len(outputs) == 1 else tuple(map(torch.cat, zip(*outputs, strict=True)))

    def _run_padded(self, *inputs: Tensor) -> Tensors:
        size = 1 << (len(inputs[0]) - 1).bit_length()
        if size not in self._ready:
            self._prepare(size, inputs)
        lane = self._free.get()
        try:
            return lane.run(size, inputs)
        finally:
            self._free.put(lane)

    def _prepare(self, size: int, inputs: Tensors) -> None:
        """Records a size in all lanes, while none of them runs: a recording must not be disturbed."""
        with _RECORDING:
            if size in self._ready:
                return
            lanes = [self._free.get() for _ in range(self.lanes)]
            try:
                for lane in lanes:
                    lane.prepare(size, inputs)
                self._ready.add(size)
            finally:
                for lane in lanes:
                    self._free.put(lane)


class _Lane:
    """One call at a time: buffers on the device and, for a GPU, in pinned memory, by batch size, and a stream."""

    def __init__(self, module: nn.Module, device: torch.device):
        self._module = module
        self._device = device
        self._cuda = device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if self._cuda else None  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle() if self._cuda else None  # one graph of a lane runs at a time
        self._by_size: dict[int, tuple[Tensors, Tensors, Callable[[], Tensors]]] = {}

    def prepare(self, size: int, inputs: Tensors) -> None:
        with torch.cuda.device(self._device) if self._cuda else nullcontext():  # a recording waits for the current one
            host = tuple(torch.zeros(size, *t.shape[1:], dtype=t.dtype, pin_memory=self._cuda) for t in inputs)
            buffers = tuple(t.to(self._device) for t in host)
            forward = self._recorded(buffers) if self._cuda else lambda: self._module(*buffers)
        self._by_size[size] = host, buffers, forward

    def run(self, size: int, inputs: Tensors) -> Tensors:
        count = len(inputs[0])
        host, buffers, forward = self._by_size[size]
        with torch.cuda.stream(self._stream) if self._cuda else nullcontext():
            for pinned, buffer, tensor in zip(host, buffers, inputs, strict=True):
                pinned[:count].copy_(tensor)
                buffer[:count].copy_(pinned[:count], non_blocking=True)
            outputs = tuple(
                torch.empty(t[:count].shape, dtype=t.dtype, pin_memory=self._cuda).copy_(t[:count], non_blocking=True)
                for t in forward()
            )
            if self._cuda:
                done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # a wait that takes no core
                done.record()
                done.synchronize()
        return outputs

    def _recorded(self, buffers: Tensors) -> Callable[[], Tensors]:
        with torch.cuda.stream(self._stream):
            for _ in range(3):  # cuDNN and cuBLAS choose their kernels before the recording
                self._module(*buffers)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
            outputs: Tensors = self._module(*buffers)

        def replay() -> Tensors:
            graph.replay()
            return outputs

        return replay
