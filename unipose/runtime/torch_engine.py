"""The PyTorch engine: a safetensors file or a module, all the way from pixels to keypoints on its device."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from unipose.core.heatmap import Peaks
from unipose.core.model_spec import ModelSpec
from unipose.core.types import RGB, Float32
from unipose.runtime.runtime import Engine, no_state
from unipose.runtime.torch_device import torch_device

if TYPE_CHECKING:
    from unipose.runtime.cuda_graph import GraphedModule


class Torch(Engine):
    """A network in PyTorch: a safetensors file, or the module itself."""

    engine = "torch"

    def __init__(self, path: str | Path, device: str = "cpu", threads: int = 0, precision: str = "auto"):
        import torch

        from unipose.modeling.checkpoint import load_model
        from unipose.modeling.folding import fold_norms

        if threads:
            torch.set_num_threads(threads)
        module, self.spec = load_model(path)
        self._wrap(fold_norms(module), device, precision)

    @classmethod
    def of_module(
        cls, module: Any, spec: ModelSpec, device: str = "cpu", precision: str = "fp32", largest: int | None = 32
    ) -> "Torch":
        """A module that gives heatmaps (activation included); it is put into evaluation mode and this precision.

        Batches of more than `largest` are split: by default small ones, for a GPU that trains as well; None: a file's.
        """
        runtime = cls.__new__(cls)
        runtime.spec = spec
        runtime._wrap(module, device, precision, largest)
        return runtime

    def _wrap(self, module: Any, device: str, precision: str, largest: int | None = None) -> None:
        import torch

        from unipose.modeling.pixels import InPrecision
        from unipose.runtime.cuda_graph import GraphedModule

        self._device = torch_device(device)
        bf16 = precision == "bf16" or (precision == "auto" and self._device.type == "cuda")
        dtype = torch.bfloat16 if bf16 else torch.float32
        module = module.to(device=self._device, dtype=dtype, memory_format=torch.channels_last)
        self._network = InPrecision(module, dtype)
        self._maps = GraphedModule(self._network, self._device, largest)
        self.copies, self.largest = self._maps.lanes, self._maps.largest
        self._readers: dict[tuple[str, bool], GraphedModule] = {}
        self._opening = threading.Lock()

    def find(self, crops: RGB, decoder: str = "dark", flip: bool = False) -> Peaks:
        if self.spec.state_channels:  # of a first frame
            return self.find_next(crops, no_state(self.spec, len(crops)), decoder)[0]
        return Peaks(*_on_tensors(self._reader(decoder, flip), crops))

    def find_next(self, crops: RGB, state: Float32, decoder: str = "dark") -> tuple[Peaks, Float32]:
        if not self.spec.state_channels:
            return self.find(crops, decoder), state
        xy, peak, state = _on_tensors(self._reader(decoder, False), crops, state)
        return Peaks(xy, peak), state

    def _reader(self, decoder: str, flip: bool) -> "GraphedModule":
        """The way from pixels to keypoints, opened when it is first asked for."""
        from unipose.modeling.keypoint_decoder import KeypointDecoder
        from unipose.modeling.pixels import FromPixels
        from unipose.modeling.warp import Normalise
        from unipose.runtime.cuda_graph import GraphedModule

        with self._opening:
            if (decoder, flip) not in self._readers:
                decode = KeypointDecoder(decoder, self.spec.heatmap_wh, self.spec.sigma)
                partner = self.spec.skeleton.mirror if flip else None
                module = FromPixels(self._network, Normalise(self.spec.mean, self.spec.std), decode, partner)
                self._readers[decoder, flip] = GraphedModule(module, self._device, self.largest)
            return self._readers[decoder, flip]

    def _infer(self, *inputs: Float32) -> list[Float32]:
        return _on_tensors(self._maps, *inputs)


def _on_tensors(call: Callable[..., Sequence[Any]], *inputs: NDArray[Any]) -> list[Any]:
    import torch

    return [output.numpy() for output in call(*map(torch.from_numpy, inputs))]
