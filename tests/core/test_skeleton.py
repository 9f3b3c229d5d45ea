import json
from dataclasses import replace

import pytest

from unipose.core.skeleton import SKELETONS, Skeleton, skeleton_from_names

LSP = SKELETONS["lsp14"]


@pytest.mark.parametrize(
    ("name", "keypoints", "limbs"),
    [("coco17", 17, 19), ("mpii16", 16, 15), ("lsp14", 14, 14), ("penn13", 13, 14), ("jhmdb15", 15, 14)],
)
def test_sizes(name, keypoints, limbs):
    skeleton = SKELETONS[name]
    assert (len(skeleton.keypoints), len(skeleton.limbs)) == (keypoints, limbs)
    assert len({frozenset(limb) for limb in skeleton.limbs}) == limbs


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_mirror_swaps_sides_and_nothing_else(skeleton):
    for name, partner in zip(skeleton.keypoints, skeleton.mirror, strict=True):
        swapped = {"left": name.replace("left", "right"), "right": name.replace("right", "left")}
        assert skeleton.keypoints[partner] == swapped.get(name.split("_")[0], name)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_limbs_are_symmetric(skeleton):
    limbs = {frozenset(limb) for limb in skeleton.limbs}
    assert limbs == {frozenset(skeleton.mirror[i] for i in limb) for limb in limbs}


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_torso_is_left_shoulder_to_right_hip(skeleton):
    assert [skeleton.keypoints[i] for i in skeleton.torso] == ["left_shoulder", "right_hip"]


def test_coco17_has_cocos_order_and_sigmas():
    cocoeval = pytest.importorskip("pycocotools.cocoeval", reason="pycocotools comes with the [train] extra")
    assert SKELETONS["coco17"].oks_sigmas == pytest.approx(cocoeval.Params(iouType="keypoints").kpt_oks_sigmas)
    assert SKELETONS["coco17"].keypoints[:3] == ("nose", "left_eye", "right_eye")


def test_mpii_leaves_pelvis_and_thorax_out_of_pckh():
    mpii = SKELETONS["mpii16"]
    assert [mpii.keypoints[i] for i in mpii.pckh_excluded] == ["pelvis", "thorax"]


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_dict_round_trip_through_json(skeleton):
    assert Skeleton.from_dict(json.loads(json.dumps(skeleton.to_dict()))) == skeleton


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": ("a",) * 14}, "unique"),
        ({"mirror": (1, *LSP.mirror[1:])}, "pair"),
        ({"mirror": LSP.mirror[1:]}, "pair"),
        ({"oks_sigmas": LSP.oks_sigmas[1:]}, "14 positive"),
        ({"limbs": ((0, 14),)}, "below 14"),
        ({"torso": (-1, 2)}, "below 14"),
    ],
)
def test_contradictory_skeletons_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(LSP, **change)


def test_a_skeleton_from_names():
    keypoints = ["left_ear", "right_ear", "tail", "hump", "bump"]
    skeleton = skeleton_from_names(
        "cat",
        keypoints,
        [["left_ear", "tail"]],
        torso=["tail", "hump"],
        mirror={"hump": "bump", "bump": "hump"},
        sigmas={"tail": 0.2},
    )
    assert skeleton.mirror == (1, 0, 2, 4, 3)
    assert skeleton.limbs == ((0, 2),) and skeleton.torso == (2, 3)
    assert skeleton.oks_sigmas == (0.08, 0.08, 0.2, 0.08, 0.08)


@pytest.mark.parametrize(
    "names", [["LeftHip", "RightHip"], ["hip_left", "hip_right"], ["hipL", "hipR"], ["lhip", "rhip"]]
)
def test_sides_are_partners_however_they_are_spelt(names):
    assert skeleton_from_names("s", ["nose", *names], [], ["nose", "left_hip"]).mirror == (0, 2, 1)


def test_a_side_without_a_partner_may_be_its_own():
    skeleton = skeleton_from_names(
        "arm", ["left_elbow", "L1"], [], ["left_elbow", "L1"], {"left_elbow": "left_elbow", "L1": "L1"}
    )
    assert skeleton.mirror == (0, 1)


def test_keypoints_are_found_by_their_names_however_they_are_spelt():
    assert LSP.find(["RightAnkle", "head_top", "L_Wrist", "nose", "hip.l"]) == [0, 13, 11, -1, 3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"limbs": [["a", "c"]]}, "no keypoint 'c'; did you mean"),
        ({"torso": ["a", "left_shoulder"]}, "no keypoint 'left_shoulder'"),
        ({"sigmas": {"aa": 0.1}}, "did you mean 'a'"),
        ({"keypoints": ["left_a", "b"], "limbs": [], "torso": ["b", "b"]}, "'left_a' is of one side"),
        ({"mirror": {"aa": "b"}}, "did you mean 'a'"),
        ({"mirror": {"a": "bb"}}, "did you mean 'b'"),
        ({"mirror": {"a": "b"}}, "pair"),
    ],
)
def test_unknown_names_are_reported(change, message):
    with pytest.raises(ValueError, match=message):
        skeleton_from_names(
            **({"name": "s", "keypoints": ["a", "b"], "limbs": [["a", "b"]], "torso": ["a", "b"]} | change)
        )
