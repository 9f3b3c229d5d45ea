"""SimCC says rows and columns apart, as maps that loss, codec and export know."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.support.networks import SMALL_NETWORK
from unipose.core import heatmap
from unipose.core.model_spec import ModelSpec
from unipose.core.skeleton import SKELETONS
from unipose.modeling.checkpoint import build_network, deployed
from unipose.modeling.simcc import SimCC
from unipose.training.loss import cross_entropy

SPEC = ModelSpec(
    name="s", version="0", skeleton=SKELETONS["lsp14"], input_wh=(72, 100), stride=2, sigma=2.0, margin=1.25,
    mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2), network=SMALL_NETWORK | {"head": "simcc"},
)  # fmt: skip


@pytest.mark.parametrize(("input_wh", "stride"), [((72, 100), 2), ((72, 100), 1), ((96, 64), 4), ((32, 48), 8)])
@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_the_maps_have_the_specs_size_at_every_stride(input_wh, stride, output_stride):
    network = SPEC.network | {"output_stride": output_stride}
    spec = replace(SPEC, input_wh=input_wh, stride=stride, network=network)
    with torch.no_grad():
        maps = build_network(spec).eval()(torch.zeros(2, 3, *input_wh[::-1]))
    assert maps.shape == (2, 14, *spec.heatmap_wh[::-1])


def test_the_softmax_over_a_map_is_the_product_of_two():
    torch.manual_seed(0)
    maps = SimCC(8, 3, (4, 5), (6, 7))(torch.zeros(0), torch.randn(2, 8, 4, 5)).detach()
    joint = maps.flatten(2).softmax(2).view(maps.shape)
    rows, columns = joint.sum(3), joint.sum(2)
    assert torch.allclose(joint, rows[..., None] * columns[..., None, :], atol=1e-6)
    assert not torch.allclose(rows, rows.mean(2, keepdim=True), atol=1e-3)


def test_the_loss_is_that_of_rows_and_of_columns():
    """The cross-entropy with a Gaussian, a product of two itself, is the sum of the two of SimCC's paper."""
    torch.manual_seed(0)
    maps = SimCC(8, 1, (4, 5), (12, 14))(torch.zeros(0), torch.randn(1, 8, 4, 5)).detach()
    target = torch.from_numpy(heatmap.encode(np.array([[8.3, 4.1]]), np.array([True]), (14, 12), 1.5))[None]
    apart = 0.0
    for axis in (2, 3):
        mine, theirs = maps.mean(axis), target.sum(axis)
        apart += cross_entropy(mine[:, :, None], theirs[:, :, None]).item()
    assert cross_entropy(maps, target).item() == pytest.approx(apart, rel=1e-3)


def test_it_learns_where_points_are():
    torch.manual_seed(0)
    head = SimCC(2, 2, (5, 4), (25, 18))
    image = torch.randn(1, 2, 5, 4)
    xy = np.array([[3.2, 20.4], [14.7, 6.1]])
    target = torch.from_numpy(heatmap.encode(xy, np.ones(2, bool), (18, 25), 2.0))[None]
    optimizer = torch.optim.Adam(head.parameters(), 0.03)
    for _ in range(300):
        optimizer.zero_grad()
        cross_entropy(head(image, image), target).sum().backward()
        optimizer.step()
    maps = head(image, image).flatten(2).softmax(2).view(1, 2, 25, 18).detach().numpy()
    found, _ = heatmap.decode(maps, "dark", 2.0)
    assert np.allclose(found[0], xy, atol=0.2)


def test_a_deployed_network_gives_gaussians_for_any_batch():
    module = deployed(build_network(SPEC), SPEC).eval()
    with torch.no_grad():
        images = torch.randn(3, 3, 100, 72)
        together = module(images)
        assert torch.allclose(together[1:2], module(images[1:2]), atol=1e-5)
