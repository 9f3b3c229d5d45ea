from dataclasses import replace

import pytest

from unipose.core.model_spec import ModelSpec
from unipose.core.skeleton import SKELETONS

SPEC = ModelSpec(
    name="t", version="1", skeleton=SKELETONS["lsp14"], input_wh=(96, 128), stride=4, sigma=1.5, margin=1.25,
    mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6), network={"trunk": "res2net_s", "wasp_rates": [1, 2]},
    provenance={"seed": 0},
)  # fmt: skip


def test_json_round_trip():
    assert ModelSpec.from_json(SPEC.to_json()) == SPEC
    assert SPEC.heatmap_wh == (24, 32)
    assert SPEC.to_identity() == {"name": "t", "skeleton": "lsp14", "version": "1"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"skeleton": 3}', SPEC.to_json().replace("sigma", "sugma")])
def test_malformed_specs_are_refused(text):
    with pytest.raises(ValueError, match="not a UniPose model spec"):
        ModelSpec.from_json(text)


@pytest.mark.parametrize(
    "change", [{"input_wh": (96, 130)}, {"input_wh": (0, 128)}, {"stride": 0}, {"sigma": 0}, {"std": (1, 0, 1)}]
)
def test_sizes_that_do_not_match_are_refused(change):
    with pytest.raises(ValueError, match="must be"):
        replace(SPEC, **change)
