"""Configuration: frozen dataclasses, read from a YAML file and `section.key=value` overrides."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from unipose.core.files import path_of
from unipose.core.model_spec import KINDS
from unipose.modeling.unipose import HEADS, WATERFALLS
from unipose.training.loss import LOSSES
from unipose.training.optim import OPTIMIZERS, SCHEDULES
from unipose.training.precision import PRECISIONS


def _path(name: Any) -> Any:
    """A file's name as YAML has it -> as the system does. Raises ValueError for an empty one."""
    if name == "":
        raise ValueError("a name is wanted")
    return path_of(name) if isinstance(name, str) else name


InYaml = BeforeValidator(_path)
FileName = Annotated[str, InYaml]
FilePath = Annotated[Path, InYaml]
Natural = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Measure = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class ModelConfig:
    """The network and its input."""

    name: str = "unipose"
    kind: Literal[KINDS] = "pose"  # type: ignore[valid-type]
    """pose: heatmaps of one person's keypoints; finder: boxes of all people in an image, with train.loss boxes."""
    trunk: str = "res2net50_26w_4s"
    """A row of the zoo (`unipose models`)."""
    pretrained: FileName | None = None
    """The trunk's weights: a file, torchvision:ResNet50_Weights.IMAGENET1K_V2 or timm:res2net50_26w_4s.in1k."""
    start: FileName | None = None
    """A model file (.safetensors) to start from, which brings the network's keys, so that these can be left out.

    Of keypoints that it does not have the last layer is new. Where a file has `data` and no network, it is the model
    that comes along; null: from scratch.
    """
    output_stride: Literal[8, 16, 32] = 16
    multi_grid: tuple[Count, ...] = (1, 2, 4)
    wasp_channels: Count = 256
    wasp: Literal[tuple(WATERFALLS)] = "code"  # type: ignore[valid-type]
    """code: as published, a 1x1 convolution and then 3x3 ones; figure: as the paper draws it, 3x3 alone."""
    wasp_rates: tuple[Count, ...] | None = None
    """Dilations of the waterfall; None: code 18, 12, 6, figure 6, 12, 18, 24 (doubled at output stride 8)."""
    wasp_shared: bool = True
    head: Literal[HEADS] = "maps"  # type: ignore[valid-type]
    """maps: the paper's decoder; simcc: a keypoint's column and row apart, by WASP's output."""
    decoder_stride: Literal[1, 2, 4, 8] = 4
    """1 and 2 with head simcc alone."""
    decoder_channels: Count = 256
    dropout: Share = 0.5
    box_maps: bool = False
    """Five more maps, of the person's box: its centre and corners, of the joints' sigma; `--detector box_maps`."""
    lstm_channels: Natural = 0
    """Of UniPose-LSTM's recurrent state (the paper's convolutions have 128); 0: UniPose, for single frames."""
    lstm_kernel: Count = 11
    """Side of the three large convolutions after the LSTM."""
    lstm_alone: bool = False
    """Train the recurrent part alone, on top of the network of single frames that `start` names."""
    input_wh: tuple[Count, Count] = (256, 256)
    sigma: Positive = 2.0
    """Of the Gaussians, in heatmap cells."""
    margin: Positive = 1.25
    """The crop's size over that of the person's box."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[Positive, Positive, Positive] = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class DataConfig:
    """COCO-keypoint JSON files, as data/prepare_*.py write them; without `train`, the drawn sample set."""

    train: Annotated[tuple[FilePath, ...], Field(min_length=1)] | None = None
    val: FilePath | None = None
    skeleton: str | None = None
    """Of the network, a row of `SKELETONS`, whose keypoints the sets have by name; own: the one that all sets have.

    None: that of model.start, where it has all keypoints of the sets, else their own.
    """
    window: Count = 1
    """Consecutive frames in a sample, for a recurrent network."""
    resident: Literal["none", "gpu"] = "none"
    """gpu: all pictures lie on the training's device, where crops, appearance and targets are computed too."""


@dataclass(frozen=True)
class AugmentConfig:
    """Random changes of the training samples."""

    scale: tuple[Positive, Positive] = (0.75, 1.4)
    """The crop's size over that of the box with its margin, from-to; a finder's: the view's over that of the image."""
    rotation: Measure = 40.0
    """At most so many degrees either way, with `rotation_probability`."""
    rotation_probability: Share = 0.6
    shift: Measure = 0.1
    """At most so far from the box's centre (a finder's view: from a person's, or the image's), in sides of the crop."""
    flip: Share = 0.5
    half_body: Share = 0.0
    """The probability of a crop of the upper or the lower half of the body."""
    appearance: Measure = 1.0
    """Scales the probabilities of colour, blur, noise and compression; 0: none."""
    occlusion: Share = 0.25
    """The probability that patches of the crop are covered."""
    plain_epochs: Natural = 0
    """The last epochs, in which appearance and occlusion are left out."""
    stretch: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.0
    """Of a finder's views: by at most this factor is width over height changed."""
    mosaic: Share = 0.0
    """Of a finder: the probability of a sample of four views, each of half the size."""


@dataclass(frozen=True)
class TrainConfig:
    """Optimisation, validation and where the run is written."""

    run: FilePath = Path("runs/sample")
    """The run's folder: config, log, curves, checkpoints."""
    epochs: Count = 20
    batch_size: Count = 32
    """Samples (single images or windows) of all processes together."""
    accumulate: Count = 1
    """Batches whose gradients are averaged for a step."""
    loss: Literal[tuple(LOSSES)] = "cross_entropy"  # type: ignore[valid-type]  # a row of the table
    """robust: a cross-entropy in which labels far from the prediction, as wrong ones are, count less.

    boxes: a finder's.
    """
    teacher: FileName | None = None
    """A model file (.safetensors) with the same keypoints, whose maps are learned along with the labels."""
    teacher_weight: Share = 0.5
    """Of the teacher's maps in the targets at first; it falls to 0 at the end."""
    joint_weights: dict[str, Measure] = field(default_factory=dict)
    """Weights of keypoints in the loss, by name; 1 for all others."""
    optimizer: Literal[tuple(OPTIMIZERS)] = "adamw"  # type: ignore[valid-type]
    lr: Positive = 2e-3
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """SGD's (Nesterov), or Adam's first beta."""
    weight_decay: Measure = 0.05
    schedule: Literal[tuple(SCHEDULES)] = "cosine"  # type: ignore[valid-type]
    """After the warm-up; flat_cosine: constant for half of the training; step: times `gamma` at each milestone."""
    milestones: tuple[Positive, ...] = ()
    """Of schedule step, from the start on, in `milestone_unit`s."""
    milestone_unit: Literal["epochs", "steps"] = "epochs"
    gamma: Positive = 0.1
    warmup_epochs: Measure = 0.5
    clip_norm: Positive = 5.0
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Of the averaged weights that are evaluated and saved; 0: none."""
    precision: Literal[tuple(PRECISIONS)] = "auto"  # type: ignore[valid-type]
    """Of autocast; auto: bf16 if the processor has units for it, else fp32."""
    compile: bool = False
    """torch.compile: slow to start, faster afterwards."""
    checkpointing: bool = False
    """Keep less of the trunk's forward pass, and compute it again: slower, for nets too large for a GPU's memory."""
    validate_every: Count = 1
    """Epochs between validations."""
    seed: Natural = 0
    deterministic: bool = False
    """The same weights from every run on the same device and versions, at some cost in speed."""
    workers: Natural = 1
    """Loader processes, of each training process."""
    threads: Natural = 0
    """Of the training step on a CPU; 0: one per core."""
    device: str = "auto"


@dataclass(frozen=True)
class Config:
    """A training run; each field is a section of the YAML file."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    @property
    def files(self) -> list[Path]:
        """What it names to start from; `model.pretrained` may be no file."""
        weights = [Path(name) for name in (self.model.pretrained, self.model.start, self.train.teacher) if name]
        return [*(self.data.train or ()), *([self.data.val] if self.data.val else []), *weights]


def read_yaml(path: Path) -> Any:
    """What a YAML file holds, in UTF-8 or what its byte-order mark says. Raises ValueError, which names the file."""
    return _yaml(path.read_bytes(), str(path))


def _yaml(text: str | bytes, name: str) -> Any:
    try:
        return yaml.safe_load(text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text)
    except yaml.YAMLError as error:
        raise ValueError(f"{name} is not YAML: {' '.join(str(error).split())}") from error


def read_config(
    path: str | Path | None = None, overrides: Sequence[str] = (), defaults: Config | None = None
) -> Config:
    """Defaults, then the YAML file, then overrides like "train.epochs=5" (the value is YAML too).

    Raises ValueError, which names the file, for an unknown key, with the nearest right one, and for a value that does
    not fit.
    """
    config = defaults or Config()
    merged = to_dict(config)
    for where, values in _parts(path, overrides):
        for section, keys in values.items():
            merged[section] |= keys or {}
        try:
            config = TypeAdapter(Config).validate_python(merged)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise ValueError(f"{where}{key}: {first['msg']}, got {first['input']!r}") from error
    return config


def given_keys(path: str | Path | None = None, overrides: Sequence[str] = ()) -> set[str]:
    """The keys, as "train.epochs", that a YAML file and overrides name. Raises what `read_config` raises for them."""
    return {key for _, values in _parts(path, overrides) for key in _paths(values)}


def _parts(path: str | Path | None, overrides: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Sections of keys, and before each what an error in them begins with: the file's, then each override's."""
    parts = [(f"{path}: ", read_yaml(Path(path)))] if path else []
    for override in overrides:
        key, equals, value = override.partition("=")
        section, dot, name = key.partition(".")
        if not (equals and dot):
            raise ValueError(f"an override is section.key=value, got {override!r}")
        if not value:
            raise ValueError(f"{override} says nothing: where a key may be left out, null does it")
        parts.append(("", {section: {name: _yaml(value, override)}}))
    for where, values in parts:
        if not isinstance(values, dict):
            raise ValueError(f"{where}it must hold sections of keys: {', '.join(_keys(Config))}")
        for key in _paths(values):
            _known(key, where)
    return parts


def to_dict(config: Config) -> dict[str, Any]:
    """JSON values, from which `read_config` reads the same configuration."""
    plain: dict[str, Any] = TypeAdapter(Config).dump_python(config, mode="json")
    return plain


def _keys(cls: type) -> list[str]:
    return [f.name for f in dataclasses.fields(cls)]


def _paths(values: dict[str, Any]) -> Iterator[str]:
    for section, keys in values.items():
        if not isinstance(keys, dict | None) or not (keys or section in _keys(Config)):
            yield str(section)
        else:
            yield from (f"{section}.{key}" for key in keys or ())


def _known(key: str, where: str) -> None:
    right = [f"{s.name}.{name}" for s in dataclasses.fields(Config) for name in _keys(s.type)]  # type: ignore[arg-type]
    if key not in right:
        nearest = get_close_matches(key, right, 1, 0.0)[0]
        raise ValueError(f"{where}unknown key {key!r}; did you mean {nearest!r}?")
