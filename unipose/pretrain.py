"""`unipose pretrain DATA --trunk NAME --out FILE`: train a trunk as a classifier, to start pose networks from."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

import torch
from rich.console import Console
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets
from torchvision.transforms import v2

from unipose.cli import exit_status
from unipose.core.arguments import Parser
from unipose.core.choice import choose
from unipose.core.files import refuse_overwrite
from unipose.core.ranges import within
from unipose.modeling.checkpoint import save_weights
from unipose.modeling.classifier import Classifier
from unipose.modeling.trunk import ZOO
from unipose.pipelines.options import add_force, read_options
from unipose.pipelines.progress import track
from unipose.runtime.torch_device import torch_device
from unipose.training.class_images import class_batch, mixup, open_sets
from unipose.training.classifier import accuracy, class_trainer
from unipose.training.dataset import Batch
from unipose.training.loop import NonFiniteLoss
from unipose.training.optim import OPTIMIZERS, Average, lr_factor, parameter_groups

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Images = Dataset[tuple[Tensor, int]]  # uint8 (3, H, W), and its class


@dataclass(frozen=True)
class PretrainOptions:
    """How a trunk is trained as a classifier. Raises ValueError for values that cannot be."""

    trunk: str
    """A row of the zoo."""
    out: Path
    """The .safetensors file to write."""
    epochs: int = 30
    batch_size: int = 64
    lr: float = 2e-3
    optimizer: str = "adamw"
    weight_decay: float = 0.05
    mixup: float = 0.2
    """Alpha of mixup's beta distribution; 0: none."""
    dropout: float = 0.0
    seed: int = 0
    workers: int = 1
    device: str = "cuda" if torch.cuda.is_available() else "cpu"

    def __post_init__(self) -> None:
        if self.out.suffix != ".safetensors":
            raise ValueError(f"the output must end in .safetensors, got {self.out}")
        within("--epochs", self.epochs, 1)
        within("--batch-size", self.batch_size, 1)
        within("--lr", self.lr, 0, above=True)
        within("--weight-decay", self.weight_decay, 0)
        within("--mixup", self.mixup, 0)
        within("--dropout", self.dropout, 0, 1)
        within("--seed", self.seed, 0, 2**63 - 1)
        within("--workers", self.workers, 0)
        choose(ZOO, self.trunk, "trunk")
        choose(OPTIMIZERS, self.optimizer, "optimizer")


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images of classes, to train and to validate on."""

    train: Images
    val: Images
    classes: int


def main(argv: list[str] | None = None) -> int:
    defaults = PretrainOptions
    parser = Parser(prog="unipose pretrain", description=__doc__)
    parser.add_argument("data", type=Path, help="a folder with train/CLASS/*.jpg and val/CLASS/*.jpg, or CIFAR's files")
    parser.add_argument("--trunk", required=True, metavar="NAME", help="a row of the zoo (`unipose models`)")
    parser.add_argument("--out", type=Path, required=True, help="file.safetensors, for model.pretrained=")
    parser.add_argument("--size", type=int, help="of the square images (default 32 for CIFAR, else 128)")
    parser.add_argument("--epochs", type=int, default=defaults.epochs)
    parser.add_argument("--batch-size", type=int, default=defaults.batch_size)
    parser.add_argument("--lr", type=float, default=defaults.lr)
    parser.add_argument("--optimizer", choices=tuple(OPTIMIZERS), default=defaults.optimizer)
    parser.add_argument("--weight-decay", type=float, default=defaults.weight_decay)
    parser.add_argument(
        "--mixup", type=float, default=defaults.mixup, help="alpha of mixup's beta distribution; 0: none"
    )
    parser.add_argument("--dropout", type=float, default=defaults.dropout)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--workers", type=int, default=defaults.workers)
    parser.add_argument("--device", default=defaults.device)
    add_force(parser)
    arguments = parser.parse_args(argv)

    def run() -> None:
        options = read_options(PretrainOptions, arguments)
        refuse_overwrite([options.out], [], is_result, arguments.force)
        pretrain(options, read_images(arguments.data, arguments.size), Console())

    return exit_status(run)


def is_result(path: Path) -> bool:
    """Whether a file is a trunk that `pretrain` wrote, by the metadata at its beginning."""
    with path.open("rb") as file:
        head = file.read(4096)
    return all(f'"{key}"'.encode() in head for key in ("__metadata__", "trunk", "accuracy"))


def read_images(path: Path, size: int | None) -> ImageSet:
    """The images of `class_images.open_sets`, as squares. Raises ValueError as it does."""
    within("--size", size, 1)
    train, val = open_sets(path)
    photographs = isinstance(train, datasets.ImageFolder)
    size = size or (128 if photographs else 32)
    train.transform, val.transform = (transform(size, part, photographs) for part in (True, False))
    return ImageSet(train, val, len(train.classes))


def transform(size: int, train: bool, crop: bool) -> Callable[[object], Tensor]:
    """Image -> uint8 (3, size, size), in training with a random crop and mirroring.

    Photographs are cropped if `crop`; CIFAR's small images are padded by an eighth before.
    """
    resize = v2.Compose([v2.Resize(size, antialias=True), v2.CenterCrop(size)])
    if train and crop:
        resize = v2.RandomResizedCrop(size, scale=(0.35, 1.0), antialias=True)
    elif train:
        resize = v2.Compose([v2.Resize(size, antialias=True), v2.RandomCrop(size, padding=size // 8)])
    ready: Callable[[object], Tensor] = v2.Compose(
        [v2.ToImage(), resize, *([v2.RandomHorizontalFlip()] if train else [])]
    )
    return ready


def pretrain(o: PretrainOptions, images: ImageSet, console: Console) -> float:
    """Train a trunk, print a line per epoch, and write the averaged weights -> their accuracy on val, in percent."""
    torch.manual_seed(o.seed)
    device = torch_device(o.device)
    network = Classifier(ZOO[o.trunk], images.classes, o.dropout)
    network = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    load = partial(DataLoader, batch_size=o.batch_size, num_workers=o.workers)
    mixed, plain = (partial(collate, classes=images.classes, mixed=alpha) for alpha in (o.mixup, 0.0))
    loader = load(images.train, shuffle=True, drop_last=True, collate_fn=mixed)
    val_loader = load(images.val, collate_fn=plain)
    if not len(loader):
        raise ValueError(f"the training images do not fill a batch of {o.batch_size}: lower --batch-size")
    optimizer = OPTIMIZERS[o.optimizer](parameter_groups(network, o.weight_decay), o.lr, 0.9, device.type == "cuda")
    total = o.epochs * len(loader)
    scheduler = LambdaLR(optimizer, partial(lr_factor, schedule="cosine", warmup=max(1, total // 20), total=total))
    trainer = class_trainer(network, optimizer, scheduler, Average(network, 0.999), MEAN, STD)
    percent = 0.0
    for epoch in range(1, o.epochs + 1):
        began = perf_counter()
        batches = track(loader, f"batches of epoch {epoch}", console)
        try:
            loss = trainer.train_epoch(batches, lambda loss, images: None)
        except NonFiniteLoss as error:
            raise ValueError("the loss is not a number; try a lower --lr") from error
        speed = len(loader) * o.batch_size / (perf_counter() - began)
        percent = accuracy(trainer, val_loader)
        console.print(
            f"epoch {epoch}  loss {loss:.4f}  accuracy {percent:.2f} %  images_per_s {speed:.1f}", highlight=False
        )
        save_weights(o.out, trainer.result.state_dict(), {"trunk": o.trunk, "accuracy": f"{percent:.2f}"})
    return percent


def collate(samples: list[tuple[Tensor, int]], classes: int, mixed: float) -> Batch:
    """Images with their classes -> a batch, which is mixed with itself if `mixed`, mixup's alpha, is above 0."""
    images = torch.stack([image.as_subclass(Tensor) for image, _ in samples]).movedim(1, -1).contiguous()
    batch = class_batch(images, torch.tensor([label for _, label in samples]), classes)
    return mixup(batch, mixed) if mixed else batch


if __name__ == "__main__":
    raise SystemExit(main())
