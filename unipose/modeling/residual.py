"""Residual units: branches with an order of norm and ReLU, combined as a step of a Runge-Kutta method."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from unipose.modeling.blocks import NORM, RELU, Branch, Ops, Place, conv, layers
from unipose.modeling.runge_kutta import Tableau


@dataclass(frozen=True)
class Order:
    """Where norm and ReLU stand: `before` a branch, `last` in it, `after` the addition.

    `projection` follows the 1x1 of a shortcut, whose input is the branch's if `shared`, else the unit's. `stem`
    follows the last convolution of the network's stem, `end` its last unit.
    """

    stem: Ops
    before: Ops
    last: Ops
    after: Ops
    projection: Ops
    end: Ops
    shared: bool = True


BOTH = (NORM, RELU)
ORDERS = {
    # The five UNITS of He et al., "Identity mappings in deep residual networks" (2016), figure 4.
    "original": Order(BOTH, before=(), last=(NORM,), after=(RELU,), projection=(NORM,), end=()),
    "bn_after_add": Order(BOTH, before=(), last=(), after=BOTH, projection=(), end=()),
    "relu_before_add": Order(BOTH, before=(), last=BOTH, after=(), projection=(NORM,), end=()),
    "relu_only_preact": Order((NORM,), before=(RELU,), last=(NORM,), after=(), projection=(), end=(RELU,)),
    "full_preact": Order((), before=BOTH, last=(), after=(), projection=(), end=BOTH),
    # HO-ResNet: pre-activated slopes, a ReLU after the step (Luo et al., arXiv 2103.15244).
    "relu_after_step": Order(BOTH, before=BOTH, last=(), after=(RELU,), projection=(NORM,), end=(), shared=False),
}
UNITS = ("original", "bn_after_add", "relu_before_add", "relu_only_preact", "full_preact")


class Pad(nn.Module):
    """A shortcut without parameters: every stride-th pixel, new channels zero (option A of He et al. 2015)."""

    def __init__(self, stride: int, new_channels: int) -> None:
        super().__init__()
        self.stride, self.new_channels = stride, new_channels

    def forward(self, x: Tensor) -> Tensor:
        front = self.new_channels // 2
        return functional.pad(x[..., :: self.stride, :: self.stride], (0, 0, 0, 0, front, self.new_channels - front))


# Shortcuts that change size or channels: (place, output channels, operations after the convolution) -> module.
SHORTCUTS: dict[str, Callable[[Place, int, Ops], nn.Module]] = {
    "projection": lambda place, channels, ops: nn.Sequential(
        conv(place.in_channels, channels, 1, place.stride), *layers(ops, channels)
    ),
    # Res2Net v1b, after He et al., "Bag of tricks" (2019): an average pool uses every pixel, a strided 1x1 does not.
    "average": lambda place, channels, ops: nn.Sequential(
        nn.AvgPool2d(place.stride, ceil_mode=True, count_include_pad=False),
        conv(place.in_channels, channels, 1),
        *layers(ops, channels),
    ),
    "pad": lambda place, channels, ops: Pad(place.stride, channels - place.in_channels),
}


def advance(start: Tensor, weights: Sequence[float], slopes: Sequence[Tensor]) -> Tensor:
    """`start` plus the weighted sum of the slopes."""
    for weight, slope in zip(weights, slopes, strict=True):
        if weight:
            start = start + (slope if weight == 1 else weight * slope)
    return start


class Residual(nn.Module):
    """A residual unit: one Runge-Kutta step, each of whose slopes has a branch of its own; Euler's is the usual unit.

    With shortcut S: k_1 = f_1(x), k_j = f_j(S(x) + sum_i a_ji k_i), output = after(S(x) + sum_i b_i k_i); only f_1
    strides and changes channels (Luo et al., arXiv 2103.15244). A shortcut that changes nothing adds x as it is, or
    with `activated` as the branch sees it, where the order shares that.
    """

    def __init__(
        self, branch: Branch, order: Order, tableau: Tableau, shortcut: str, place: Place, activated: bool = False
    ) -> None:
        super().__init__()
        channels = place.planes * branch.expansion
        inner = Place(channels, place.planes, stride=1, dilation=place.dilation, first=False)
        places = [place] + [inner] * (tableau.slopes - 1)
        # The slopes' weights at the point of each slope, then in the step.
        self.rows = [[float(weight) for weight in row] for row in (*tableau.a, tableau.b)]
        self.before = nn.ModuleList(nn.Sequential(*layers(order.before, p.in_channels)) for p in places)
        self.branches = nn.ModuleList(nn.Sequential(*branch.build(p), *layers(order.last, channels)) for p in places)
        changes = place.stride != 1 or place.in_channels != channels
        self.shared = order.shared and (changes or activated)
        self.shortcut = SHORTCUTS[shortcut](place, channels, order.projection) if changes else nn.Identity()
        self.after = nn.Sequential(*layers(order.after, channels))

    def forward(self, x: Tensor) -> Tensor:
        ready = self.before[0](x)
        start = self.shortcut(ready if self.shared else x)
        slopes = [self.branches[0](ready)]
        for weights, before, branch in zip(self.rows[1:-1], self.before[1:], self.branches[1:], strict=True):
            slopes.append(branch(before(advance(start, weights, slopes))))
        end: Tensor = self.after(advance(start, self.rows[-1], slopes))
        return end

    def start_as_shortcut(self) -> None:
        """Set the scale of each branch's last norm, or the weights of the convolution that it ends in, to zero.

        Not where a ReLU comes last: its gradient at 0 is 0, and the branch would never learn.
        """
        for branch in self.branches:
            *_, last = branch.children()
            if isinstance(last, nn.BatchNorm2d | nn.Conv2d):
                nn.init.zeros_(last.weight)
