"""Units run their layers in the order of the papers, step as their method says, and learn from the start."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from unipose.modeling.blocks import Basic, Bottleneck, Place
from unipose.modeling.residual import ORDERS, SHORTCUTS, UNITS, Residual
from unipose.modeling.runge_kutta import TABLEAUX

SAME = Place(in_channels=16, planes=16, stride=1, dilation=1, first=False)
CHANGED = Place(in_channels=8, planes=16, stride=2, dilation=1, first=True)


SIGNS = {"convolution": "conv", "native_batch_norm": "norm", "relu": "relu", "add": "+", "mul": "*"}


class Recorder(TorchDispatchMode):
    """Writes down the operations that tell one unit from another."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        name = func.overloadpacket.__name__
        if name in SIGNS:
            self.seen.append(SIGNS[name])
        return func(*args, **(kwargs or {}))


def order_of(module: nn.Module, x: Tensor) -> str:
    with torch.no_grad(), Recorder() as recorder:
        module.eval()(x)
    return " ".join(recorder.seen)


def unit(order: str, place: Place, scheme: str = "euler", shortcut: str = "projection") -> Residual:
    return Residual(Basic(), ORDERS[order], TABLEAUX[scheme], shortcut, place)


@pytest.mark.parametrize(
    ("order", "same", "changed"),
    [
        ("original", "conv norm relu conv norm + relu", "conv norm conv norm relu conv norm + relu"),
        ("bn_after_add", "conv norm relu conv + norm relu", "conv conv norm relu conv + norm relu"),
        ("relu_before_add", "conv norm relu conv norm relu +", "conv norm conv norm relu conv norm relu +"),
        ("relu_only_preact", "relu conv norm relu conv norm +", "relu conv conv norm relu conv norm +"),
        ("full_preact", "norm relu conv norm relu conv +", "norm relu conv conv norm relu conv +"),
        ("relu_after_step", "norm relu conv norm relu conv + relu", "norm relu conv norm conv norm relu conv + relu"),
    ],
)
def test_order_of_layers(order: str, same: str, changed: str) -> None:
    """In `changed` the shortcut runs before the branch: "norm relu conv | conv ..." shares one norm and ReLU."""
    assert order_of(unit(order, SAME), torch.rand(1, 16, 4, 4)) == same
    assert order_of(unit(order, CHANGED), torch.rand(1, 8, 4, 4)) == changed


def test_a_bottleneck_has_norm_and_relu_between_its_three_convolutions() -> None:
    place = Place(in_channels=64, planes=16, stride=1, dilation=1, first=False)
    bottleneck = Residual(Bottleneck(), ORDERS["full_preact"], TABLEAUX["euler"], "projection", place)
    assert order_of(bottleneck, torch.rand(1, 64, 4, 4)) == "norm relu conv norm relu conv norm relu conv +"


@pytest.mark.parametrize("order", ["relu_only_preact", "full_preact"])
def test_a_pre_activated_unit_adds_its_untouched_input(order: str) -> None:
    x = torch.randn(2, 16, 4, 4)
    silent = unit(order, SAME).eval()
    for parameter in silent.parameters():
        nn.init.zeros_(parameter)
    assert torch.equal(silent(x), x)


@pytest.mark.parametrize("order", UNITS)
def test_the_gradient_of_pre_activated_units_holds_the_identity(order: str) -> None:
    """x_L = x_l + sum F, so dE/dx_l = dE/dx_L + what passes the branches (He et al. 2016, equations 4 and 5).

    Of the units with a ReLU after the addition the first term would be cut wherever that ReLU is closed.
    """
    torch.manual_seed(0)
    units = nn.Sequential(*(unit(order, SAME) for _ in range(5))).double()
    branches: list[Tensor] = []
    for residual in units:
        residual.branches[0].register_forward_hook(lambda module, inputs, output: branches.append(output))
    x = torch.randn(2, 16, 4, 4, dtype=torch.float64, requires_grad=True)
    end, arriving = units(x), torch.randn(2, 16, 4, 4, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((end * arriving).sum(), x, retain_graph=True)
    (through_branches,) = torch.autograd.grad((sum(branches) * arriving).sum(), x)
    identity = order in ("relu_before_add", "relu_only_preact", "full_preact")
    assert torch.allclose(end, x + sum(branches)) == identity
    assert torch.allclose(gradient, arriving + through_branches) == identity


class Decay(nn.Module):
    """The slope of x' = -x over a step h."""

    def __init__(self, h: float) -> None:
        super().__init__()
        self.h = h

    def forward(self, x: Tensor) -> Tensor:
        return -self.h * x


ORDER_OF_ERROR = {"euler": 1, "midpoint": 2, "improved_euler": 2, "heun3": 3, "kutta3": 3, "rk4": 4, "gill4": 4}
ORDER_OF_ERROR |= {"kutta_nystrom5": 5, "rkf45": 5, "huta6": 6, "verner8": 8}


@pytest.mark.parametrize("scheme", TABLEAUX)
def test_observed_order_of_the_step(scheme: str) -> None:
    """The error after one unit of time falls as h^p."""

    def error(steps: int) -> float:
        step = unit("full_preact", SAME, scheme)
        step.before = nn.ModuleList(nn.Identity() for _ in step.before)
        step.branches = nn.ModuleList(Decay(1 / steps) for _ in step.branches)
        x = torch.ones(1, dtype=torch.float64)
        for _ in range(steps):
            x = step(x)
        return abs(x.item() - math.exp(-1))

    assert math.log2(error(4) / error(8)) == pytest.approx(ORDER_OF_ERROR[scheme], abs=0.4)


def test_slopes_have_weights_of_their_own_and_the_first_alone_strides() -> None:
    slopes = unit("relu_after_step", CHANGED, "rk4").branches
    convolutions = [[m for m in slope.modules() if isinstance(m, nn.Conv2d)] for slope in slopes]
    assert [[(c.in_channels, c.stride[0]) for c in slope] for slope in convolutions] == [
        [(8, 2), (16, 1)],
        *[[(16, 1), (16, 1)]] * 3,
    ]
    assert len({id(c.weight) for slope in convolutions for c in slope}) == 8


def test_the_average_shortcut_drops_no_pixel() -> None:
    """A strided 1x1 reads a quarter of the pixels; of an odd size the last row and column are averaged as they are."""
    x = torch.rand(1, 8, 5, 7, requires_grad=True)
    averaged = SHORTCUTS["average"](CHANGED, 16, ())
    assert averaged(x).shape == (1, 16, 3, 4)
    (gradient,) = torch.autograd.grad(averaged[0](x).sum(), x)
    assert torch.equal(gradient[0, 0, 3:], torch.tensor([[0.25] * 6 + [0.5], [0.5] * 6 + [1.0]]))
    assert torch.allclose(averaged[0](x)[..., 0, 0], x[..., :2, :2].mean(dim=(2, 3)))


def test_pad_takes_every_second_pixel_and_centres_the_channels() -> None:
    x = torch.rand(2, 8, 5, 7)
    padded = SHORTCUTS["pad"](CHANGED, 16, ())(x)
    assert padded.shape == (2, 16, 3, 4)
    assert torch.equal(padded[:, 4:12], x[:, :, ::2, ::2])
    assert padded[:, :4].abs().sum() == padded[:, 12:].abs().sum() == 0


@pytest.mark.parametrize("scheme", ["euler", "rk4"])
@pytest.mark.parametrize("order", sorted(set(ORDERS) - {"relu_before_add"}))
def test_a_unit_can_start_as_its_shortcut(order: str, scheme: str) -> None:
    x = torch.rand(2, 16, 4, 4)
    started = unit(order, SAME, scheme)
    started.start_as_shortcut()
    assert torch.equal(started(x), started.after(x))


@pytest.mark.parametrize("order", ORDERS)
def test_every_branch_learns_from_the_first_step(order: str) -> None:
    torch.manual_seed(0)
    residual = unit(order, SAME)
    residual.start_as_shortcut()
    residual(torch.rand(4, 16, 6, 6)).square().sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in residual.branches.parameters())
