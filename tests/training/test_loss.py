import pytest
import torch

from unipose.core import heatmap
from unipose.modeling.unipose import ACTIVATIONS
from unipose.training.loss import LOSSES, ROBUST, cross_entropy, mse, robust

KEYPOINT_LOSSES = {name: loss for name, loss in LOSSES.items() if loss.kind == "pose"}
TARGET = torch.from_numpy(
    heatmap.encode(torch.tensor([[9.3, 12.0], [4.0, 20.5]]).numpy(), torch.tensor([True, True]).numpy(), (24, 32), 2.0)
)[None]


def test_mse_by_hand():
    maps = TARGET.clone()
    maps[0, 0, 5, 5] += 3
    assert mse(maps, TARGET)[0].tolist() == pytest.approx([9, 0])


@pytest.mark.parametrize("loss", KEYPOINT_LOSSES.values(), ids=KEYPOINT_LOSSES)
def test_perfect_maps_cost_nothing_and_give_the_target_back(loss):
    maps = TARGET.clone() if loss.activation == "none" else TARGET.clamp_min(1e-30).log()
    weight = torch.tensor([[0.5, 1]])
    [cost], [count] = loss.sums(maps, TARGET, weight), loss.counts(TARGET, weight)
    assert float(cost) == pytest.approx(0, abs=2e-5) and float(count) == 1.5
    activated = ACTIVATIONS[loss.activation](2.0)(maps)
    assert torch.allclose(activated, TARGET, atol=0.02)


def test_cross_entropy_of_an_empty_map_is_uniform_less_entropy():
    wanted = TARGET[0, 0] / TARGET[0, 0].sum()
    entropy = float(-(wanted * wanted.clamp_min(1e-30).log()).sum())
    empty = torch.zeros_like(TARGET)
    expected = float(torch.log(torch.tensor(24.0 * 32))) - entropy
    assert float(cross_entropy(empty, TARGET)[0, 0]) == pytest.approx(expected, rel=1e-4)


def test_robust_is_cross_entropy_near_the_target_and_bounded_far_from_it():
    near, far = TARGET.clamp_min(1e-30).log().clamp_min(-12), torch.zeros_like(TARGET).requires_grad_()
    assert robust(near, TARGET)[0].tolist() == pytest.approx(cross_entropy(near, TARGET)[0].tolist(), rel=0.02)
    wrong = torch.zeros_like(TARGET)
    wrong[..., 30, 2] = 20
    assert (robust(wrong, TARGET) < 1 / ROBUST).all() and (robust(wrong, TARGET) > 0.99 / ROBUST).all()
    pull = [
        torch.autograd.grad(function(far, TARGET).sum(), far)[0].abs().sum() for function in (robust, cross_entropy)
    ]
    assert pull[0] < 0.5 * pull[1]


@pytest.mark.parametrize("function", [mse, cross_entropy])
def test_a_map_without_a_gaussian_gives_no_nan(function):
    """Such a keypoint has weight 0, but 0 x NaN would be NaN."""
    maps = torch.randn(1, 2, 32, 24, requires_grad=True)
    loss = function(maps, torch.zeros_like(maps))
    (0 * loss.sum()).backward()
    assert maps.grad is not None
    assert torch.isfinite(loss).all() and not maps.grad.any()


@pytest.mark.parametrize("function", [mse, cross_entropy])
def test_half_precision_maps_are_summed_in_float32(function):
    maps = torch.randn(1, 2, 32, 24)
    rounded, exact = function(maps.bfloat16(), TARGET), function(maps, TARGET)
    assert rounded.dtype == torch.float32
    assert rounded[0].tolist() == pytest.approx(exact[0].tolist(), rel=0.02)


@pytest.mark.parametrize("loss", [cross_entropy, robust, mse])
def test_windows_are_judged_frame_by_frame(loss):
    maps, target = torch.randn(2, 3, 4, 6, 5), torch.rand(2, 3, 4, 6, 5)
    assert torch.equal(loss(maps, target).flatten(0, 1), loss(maps.flatten(0, 1), target.flatten(0, 1)))
