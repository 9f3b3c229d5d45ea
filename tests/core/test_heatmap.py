import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unipose.core import heatmap
from unipose.core.skeleton import SKELETONS

SIZE = (48, 64)
inside_map = st.tuples(st.floats(-0.5, SIZE[0] - 0.5), st.floats(-0.5, SIZE[1] - 0.5))


def encode(*points, sigma=2.0, size_wh=SIZE):
    return heatmap.encode(np.array(points, np.float64), np.ones(len(points), bool), size_wh, sigma)


@given(inside_map, st.floats(0.8, 4))
def test_round_trip(xy, sigma):
    found, score = heatmap.decode(encode(xy, sigma=sigma))
    assert found[0] == pytest.approx(xy, abs=0.01)
    assert 0.6 < score[0] <= 1


@given(st.tuples(st.floats(8, 38), st.floats(8, 55)), st.floats(1.5, 3))
def test_dark_is_exact_away_from_the_border(xy, sigma):
    found, _ = heatmap.decode(encode(xy, sigma=sigma), "dark", sigma)
    assert found[0] == pytest.approx(xy, abs=0.05)


def dark_in_float64(one, sigma):
    """DARK's formula on a map (h, w), with nothing outside it: blur, logarithm, one Newton step -> (2,)."""

    def blur(cells):
        steps = np.arange(cells)[:, None] - np.arange(cells)
        return np.exp(-(steps**2) / (2 * sigma**2)) / np.exp(-(np.arange(-99, 100) ** 2) / (2 * sigma**2)).sum()

    smooth = blur(one.shape[0]) @ one.astype(np.float64) @ blur(one.shape[1]).T
    y, x = np.divmod(one.argmax(), one.shape[1])
    (_, up, _), (left, middle, right), (_, down, _) = near = np.log(smooth[y - 1 : y + 2, x - 1 : x + 2])
    mixed = (near[2, 2] - near[2, 0] - near[0, 2] + near[0, 0]) / 4
    hessian = [[right - 2 * middle + left, mixed], [mixed, down - 2 * middle + up]]
    return (x, y) - np.linalg.solve(hessian, [(right - left) / 2, (down - up) / 2])


@given(
    st.sampled_from([1, 2, 3, 24, 44, 45, 46]), st.sampled_from([1, 2, 3, 32, 60, 61, 62]), st.floats(1, 2), st.data()
)
def test_dark_is_its_formula_near_every_edge(column, row, sigma, data):
    offset = st.floats(-0.45, 0.45)
    maps = encode((column + data.draw(offset), row + data.draw(offset)), sigma=sigma)
    found, _ = heatmap.decode(maps, "dark", sigma)
    assert found[0] == pytest.approx(dark_in_float64(maps[0], sigma), abs=1e-3)


@pytest.mark.parametrize("decoder", heatmap.DECODERS)
@given(arrays(np.float32, (3, 6, 7), elements=st.floats(-2, 2, width=32)))
def test_every_decoder_stays_within_a_cell_of_the_maximum(decoder, maps):
    xy, score = heatmap.decode(maps, decoder)
    peak = np.stack(np.divmod(maps.reshape(3, -1).argmax(1), 7)[::-1], 1)
    assert np.abs(xy - peak).max() <= 1
    assert (xy >= -0.5).all() and (xy <= (6.5, 5.5)).all()
    assert score == pytest.approx(maps.max((1, 2)))


def test_decoders_are_ordered_by_their_error_on_noisy_maps():
    """A blurred, noisy Gaussian: cells are worse than parabolas, and smoothing first is best."""
    rng = np.random.default_rng(0)
    xy = rng.uniform(10, 38, (300, 2))
    maps = encode(*xy) + rng.normal(0, 0.05, (300, 64, 48)).astype(np.float32)
    error = {name: np.abs(heatmap.decode(maps, name)[0] - xy).mean() for name in heatmap.DECODERS}
    assert error["dark"] < error["quadratic"] < error["argmax"]


def test_an_unknown_decoder_names_the_known():
    with pytest.raises(ValueError, match="argmax, quadratic, dark"):
        heatmap.decode(encode((3, 3)), "soft")


@given(inside_map, st.floats(0.01, 1e-3 + 1))
def test_the_height_does_not_move_the_peak(xy, height):
    found, _ = heatmap.decode(encode(xy) * np.float32(height))
    assert found[0] == pytest.approx(xy, abs=0.01)


def test_the_centre_is_not_rounded():
    maps = encode((10.3, 20.0))[0]
    assert maps[20, 10] == pytest.approx(np.exp(-(0.3**2) / 8), rel=1e-5)
    assert maps[20, 11] == pytest.approx(np.exp(-(0.7**2) / 8), rel=1e-5)


@pytest.mark.parametrize(
    ("xy", "visible", "drawn"),
    [
        ((10, 10), True, True),
        ((10, 10), False, False),
        ((-5, 10), True, True),
        ((-7, 10), True, False),
        ((10, 90), True, False),
    ],
)
def test_what_is_not_there_gives_zeros(xy, visible, drawn):
    maps = heatmap.encode(np.array([xy], np.float64), np.array([visible]), SIZE, 2.0)
    assert maps.shape == (1, 64, 48)
    assert maps.any() == drawn


def test_gaussians_are_drawn_where_it_is_said_and_nowhere_else():
    xy = np.array([(10.0, 10.0), (20.0, 30.0), (-7.0, 10.0)])
    maps = heatmap.gaussians(xy, np.array([True, False, True]), SIZE, 2.0)
    assert [bool(one.any()) for one in maps] == [True, False, True]
    assert np.array_equal(maps[:1], encode(xy[0]))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (2, 2), (5, 1)])
def test_decode_of_tiny_maps(shape):
    maps = np.zeros((1, *shape), np.float32)
    maps[0, -1, -1] = 0.5
    xy, score = heatmap.decode(maps)
    assert np.abs(xy[0] - (shape[1] - 1, shape[0] - 1)).max() <= 1
    assert score[0] == 0.5


def test_decode_keeps_leading_axes():
    maps = np.stack([encode((5, 6), (30.25, 50.5)), encode((1, 2), (3, 4))])
    xy, score = heatmap.decode(maps)
    assert xy.shape == (2, 2, 2) and score.shape == (2, 2)
    assert xy[0, 1] == pytest.approx((30.25, 50.5), abs=0.01)


def test_mirror_gives_the_mirrored_persons_maps():
    skeleton = SKELETONS["lsp14"]
    xy = np.random.default_rng(0).uniform(2, 40, (14, 2))
    seen_in_mirror = np.stack([SIZE[0] - 1 - xy[:, 0], xy[:, 1]], 1)[list(skeleton.mirror)]
    assert heatmap.mirror(encode(*seen_in_mirror), skeleton.mirror) == pytest.approx(encode(*xy), abs=1e-6)


@pytest.mark.parametrize(
    ("before", "after"), [((-0.5, -0.5), (-0.5, -0.5)), ((1.5, 1.5), (0, 0)), ((191.5, 255.5), (47.5, 63.5))]
)
def test_from_input_moves_edges(before, after):
    assert heatmap.from_input((192, 256), 4)(before) == pytest.approx(after)


@pytest.mark.parametrize(
    ("xy", "slack", "expected"),
    [((-0.5, 63.5), 0, True), ((-0.6, 3), 0, False), ((-0.6, 3), 1, True), ((47.6, 3), 0, False)],
)
def test_inside(xy, slack, expected):
    assert heatmap.inside(np.array([xy]), np.array([True]), SIZE, slack)[0] == expected
    assert not heatmap.inside(np.array([xy]), np.array([False]), SIZE, slack)[0]
