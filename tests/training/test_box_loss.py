from math import e, log

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unipose.core.box_maps import encode
from unipose.training.box_loss import EDGES, box_counts, box_sums, edges_of, focal, giou

SIZE = (14, 10)  # width and height of the maps, in cells
BOXES = np.array([[1.3, 0.6, 5.9, 8.2], [7.1, 2.0, 13.2, 7.7]])


def sample(boxes=BOXES, ignored=()) -> tuple[torch.Tensor, torch.Tensor]:
    """Target (1, 5, h, w) and weight (1, 2, h, w) of boxes, of which some are ignored, by index."""
    array = np.array(boxes, float).reshape(-1, 4)
    target = encode(array, np.isin(np.arange(len(array)), ignored), SIZE)
    maps = np.concatenate([target.centre[None], target.edges_xyxy])
    weight = np.stack([target.counted.astype(np.float32), target.weight])
    return torch.from_numpy(maps)[None], torch.from_numpy(weight)[None]


def perfect(target: torch.Tensor) -> torch.Tensor:
    """The maps that say a target exactly, as far as logits can."""
    x, y = torch.arange(SIZE[0]) + 0.5, torch.arange(SIZE[1])[:, None] + 0.5
    left, top, right, bottom = target[0, 1:]
    distances = torch.stack([x - left, y - top, right - x, bottom - y]).clamp_min(1e-3)
    return torch.cat([torch.where(target[0, :1] > 0.999, 20.0, -20.0), distances.log()])[None]


def terms(maps, target, weight) -> tuple[float, float, float, float]:
    (centres, edges), (people, owned) = box_sums(maps, target, weight), box_counts(target, weight)
    return float(centres), float(people), float(edges), float(owned)


def test_true_maps_cost_nothing():
    target, weight = sample()
    centres, people, edges, owned = terms(perfect(target), target, weight)
    assert (centres, edges) == pytest.approx((0, 0), abs=1e-4)
    assert people == 2
    areas = [(right - left) * (bottom - top) for left, top, right, bottom in BOXES]
    assert owned == pytest.approx(sum(log(area + e) for area in areas), rel=1e-5)


def test_any_step_away_from_them_costs():
    target, weight = sample()
    true = terms(perfect(target), target, weight)
    cell = tuple((target[0, 0] == 1).nonzero()[0])
    for number, index in ((0, 0), (2, 1), (2, 2), (2, 3), (2, 4)):
        for step in (-0.3, 0.3) if index else (-24.0,):
            maps = perfect(target)
            maps[0, index][cell] += step
            assert terms(maps, target, weight)[number] > true[number] + 1e-3


def test_maps_are_learned_from_nothing():
    """Two people's boxes, by following the gradient alone: a fiftieth of both losses is left."""
    target, weight = sample()
    maps = torch.zeros(1, 5, SIZE[1], SIZE[0], requires_grad=True)
    optimizer = torch.optim.Adam([maps], lr=0.03)
    before = terms(maps.detach(), target, weight)
    people, owned = box_counts(target, weight)
    for _ in range(500):
        centres, edges = box_sums(maps, target, weight)
        optimizer.zero_grad()
        (centres / people + edges / owned).backward()
        optimizer.step()
    after = terms(maps.detach(), target, weight)
    assert after[0] < 0.02 * before[0] and after[2] < 0.02 * before[2]


def test_focal_loss_by_hand():
    logit = torch.tensor([0.0, 0.0, 0.0, log(3.0), log(3.0)])
    centre = torch.tensor([1.0, 0.0, 0.5, 1.0, 0.0])  # a probability of a half, and of three quarters
    expected = [log(2) / 4, log(2) / 4, log(2) / 4 / 16, log(4 / 3) / 16, 9 / 16 * log(4)]
    assert focal(logit, centre).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([0, 0, 2, 2], [0, 0, 2, 2], 1),
        ([0, 0, 2, 2], [1, 1, 3, 3], 1 / 7 - 2 / 9),
        ([0, 0, 4, 2], [1, 0, 3, 1], 2 / 8),  # within the other: the hull is the union
        ([0, 0, 1, 1], [3, 0, 4, 2], -5 / 8),  # apart: of the hull of 8 cells 3 are theirs
    ],
)
def test_giou_by_hand(a, b, expected):
    a, b = (torch.tensor(box, dtype=torch.float32).reshape(1, 4, 1, 1) for box in (a, b))
    assert giou(a, b).item() == giou(b, a).item() == pytest.approx(expected)


def test_the_sums_by_hand():
    """A person in the middle of three cells, all maps 0: a probability of a half, and every edge a cell away."""
    target = torch.zeros(1, 5, 1, 3)
    target[0, 0, 0, 1] = 1
    target[0, 1:, 0, 1] = torch.tensor([0.5, -0.5, 2.5, 1.5])
    weight = torch.tensor([[[[1.0, 1.0, 1.0]], [[0.0, 2.0, 0.0]]]])
    assert terms(torch.zeros(1, 5, 1, 3), target, weight) == pytest.approx((3 * log(2) / 4, 1, 0, 2))
    target[0, 3, 0, 1] = 4.5  # twice as wide: an IoU of a half, and no room between
    assert terms(torch.zeros(1, 5, 1, 3), target, weight) == pytest.approx((3 * log(2) / 4, 1, EDGES * 0.5 * 2, 2))


@given(st.integers(0, 2**32))
def test_edges_are_where_distances_say(seed):
    rng = np.random.default_rng(seed)
    log_distances = torch.from_numpy(rng.uniform(-2, 3, (2, 4, 3, 5))).float()
    edges = edges_of(log_distances)
    b, row, column = rng.integers((2, 3, 5))
    left, top, right, bottom = np.exp(log_distances[b, :, row, column].numpy())
    expected = [column + 0.5 - left, row + 0.5 - top, column + 0.5 + right, row + 0.5 + bottom]
    assert edges[b, :, row, column].tolist() == pytest.approx(expected, rel=1e-5, abs=1e-5)


@given(st.integers(0, 2**32))
def test_giou_is_an_overlap(seed):
    """The same both ways, wherever the two boxes are, one for equal boxes, and never less than -1."""
    rng = np.random.default_rng(seed)
    corner, side = rng.uniform(-9, 9, (2, 2, 3, 2)), rng.uniform(0.1, 9, (2, 2, 3, 2))
    a, b = torch.from_numpy(np.concatenate([corner, corner + side], axis=1)[..., None]).float()[:, None]
    there = giou(a, b)
    assert torch.allclose(there, giou(b, a)) and torch.allclose(there, giou(a + 7, b + 7), atol=1e-4)
    assert (there > -1).all() and (there <= 1).all() and torch.allclose(giou(a, a), torch.ones_like(there))


def test_what_is_ignored_has_no_gradient():
    """Nowhere in an ignored person's box; of the edges nowhere but in the cells that belong to a person."""
    target, weight = sample(ignored=[1])
    maps = torch.randn(1, 5, SIZE[1], SIZE[0], generator=torch.Generator().manual_seed(0), requires_grad=True)
    centres, edges = box_sums(maps, target, weight)
    (centres + edges).backward()
    pull = maps.grad[0].abs()
    assert not pull[:, 3:7, 8:13].any() and not pull[1:, :, 7:].any()
    assert (pull[0, :, :7] > 0).all() and pull[1:, :, :7].any()
    assert torch.equal(pull[1:].sum(0) > 0, weight[0, 1] > 0)


def test_nobody_gives_a_finite_loss_of_centres_alone():
    target, weight = sample([])
    maps = torch.zeros(1, 5, SIZE[1], SIZE[0], requires_grad=True)
    (centres, edges), (people, owned) = box_sums(maps, target, weight), box_counts(target, weight)
    (centres + edges).backward()
    assert (float(people), edges.item(), float(owned)) == (0, 0, 0)
    assert centres.item() == pytest.approx(SIZE[0] * SIZE[1] * log(2) / 4)
    assert (maps.grad[0, 0] > 0).all() and not maps.grad[0, 1:].any()


@pytest.mark.parametrize("value", [-1e4, 1e4])
def test_maps_far_off_give_finite_losses_and_gradients(value):
    target, weight = sample()
    maps = torch.full((1, 5, SIZE[1], SIZE[0]), value, requires_grad=True)
    centres, edges = box_sums(maps, target, weight)
    (centres + edges).backward()
    assert torch.isfinite(centres + edges) and torch.isfinite(maps.grad).all()


def test_half_precision_maps_are_judged_in_float32():
    target, weight = sample()
    maps = torch.randn(1, 5, SIZE[1], SIZE[0], generator=torch.Generator().manual_seed(1))
    assert terms(maps.bfloat16(), target, weight) == terms(maps.bfloat16().float(), target, weight)
