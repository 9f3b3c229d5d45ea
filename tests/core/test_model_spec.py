from dataclasses import replace

import numpy as np
import pytest

from unipose.core.model_spec import KeypointScore, ModelSpec, PersonScore
from unipose.core.pose import Pose
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


@pytest.mark.parametrize("kind", ["pose", "finder"])
def test_kind_and_scores_survive(spec, kind):
    person, keypoint = PersonScore(bias=-0.7, detection=1.8, keypoints=0.7, threshold=0.3), KeypointScore(1.5, 0.9)
    again = ModelSpec.from_json(replace(spec, kind=kind, person_score=person, keypoint_score=keypoint).to_json())
    assert (again.kind, again.person_score, again.keypoint_score) == (kind, person, keypoint)


def test_keypoint_scores_are_clipped_maxima_or_logistic_in_their_root(spec):
    peak = np.array([[-0.5, 0.0, 0.3], [1.0, 2.5, 6.0]], np.float32)
    assert spec.scores(peak) == pytest.approx(np.array([[0, 0, 0.3], [1, 1, 1]]))
    calibrated = replace(spec, keypoint_score=KeypointScore(bias=0.7, slope=2.0)).scores(peak)
    assert calibrated[1] == pytest.approx(1 / (1 + np.exp(-0.7 - 2 * np.sqrt(peak[1])))) and np.all(
        np.diff(calibrated[1]) > 0
    )
    assert calibrated[0, 0] == calibrated[0, 1] and calibrated.dtype == np.float32


def test_an_unknown_kind_is_refused(spec):
    with pytest.raises(ValueError, match="one of pose, finder, got 'face'"):
        replace(spec, kind="face")


def test_a_person_score_is_logistic_in_detection_keypoints_overlap_and_area():
    rule = PersonScore(bias=-1.0, detection=2.0, keypoints=0.5, overlap=3.0, area=0.7, threshold=0.3)
    score = np.array([0.8] * 12 + [0.0] * 7)  # those that are hidden do not count
    xy = np.tile([50.0, 50.0], (19, 1))
    xy[:2] = (20.0, 20.0), (59.0, 89.0)  # pixel centres, so that the confident keypoints' box is (20, 20, 60, 90)
    box = np.array([10.0, 20.0, 60.0, 120.0])
    overlap, area = 40 * 70 / (50 * 100), 50 * 100 / (640 * 480)
    expected = -1 + 2 * np.log(0.6 / 0.4) + 0.5 * np.log(0.8 / 0.2) + 3 * overlap + 0.7 * np.log(area)
    assert rule(Pose(xy, score, box, detection=0.6), (640, 480)) == pytest.approx(1 / (1 + np.exp(-expected)))
    nobody, somebody = Pose(xy, np.zeros(19), box, detection=0.0), Pose(xy, np.ones(19), box, detection=1.0)
    assert 0 < rule(nobody, (50, 100)) < 1e-3 and rule(somebody, (50, 100)) > 0.999
