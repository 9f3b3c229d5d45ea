import pytest
from hypothesis import given
from hypothesis import strategies as st

from unipose.core.sides import keypoint_keys, mirror_names
from unipose.core.skeleton import SKELETONS

SPELLINGS = [  # of a left and a right, with {} for the rest
    ("left_{}", "right_{}"), ("{}_left", "{}_right"), ("left-{}", "right-{}"), ("left {}", "right {}"),
    ("{} (left)", "{} (right)"), ("l_{}", "r_{}"), ("L_{}", "R_{}"), ("{}_l", "{}_r"), ("{}.L", "{}.R"),
    ("LEFT_{}", "RIGHT_{}"), ("L.{}", "R.{}"), ("lt_{}", "rt_{}"), ("Bip01 L {}", "Bip01 R {}"), ("左{}", "右{}"),
    ("left{}", "right{}"), ("{}left", "{}right"), ("l{}", "r{}"), ("{}l", "{}r"), ("a_left_{}_1", "a_right_{}_1"),
]  # fmt: skip
CAMEL = [("Left{}", "Right{}"), ("left{}", "right{}"), ("L{}", "R{}"), ("l{}", "r{}"), ("rig:Left{}", "rig:Right{}")]


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [(*pair, ["ankle", "hip", "eye"]) for pair in SPELLINGS]
    + [(*pair, ["Ankle", "UpLeg", "Eye2"]) for pair in CAMEL]
    + [("{}L", "{}R", ["ankle", "Hip", "upLeg"]), ("{}Left", "{}Right", ["ankle", "Hip", "upLeg"])],
)
def test_sides_however_they_are_spelt(left, right, words):
    lefts, rights = [left.format(word) for word in words], [right.format(word) for word in words]
    names = [lefts[0], "nose", *rights, *lefts[1:], "lip"]
    partner = dict(zip(lefts + rights, rights + lefts, strict=True))
    assert mirror_names(names) == [partner.get(name, name) for name in names]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["left_hip", "nose"], [None, "nose"]),
        (["LeftHip", "RightHop"], [None, None]),
        (["l_hip", "R_Hip", "right_hip"], [None, "l_hip", "l_hip"]),  # which of two?
        (["lefthip"], [None]),
        (["LeftHip", "right_hip"], ["right_hip", "LeftHip"]),  # two spellings in one skeleton
        (["lip", "tail", "upright", "rear", "cleft"], ["lip", "tail", "upright", "rear", "cleft"]),
        (["A", "L", "R", "Z"], ["A", "L", "R", "Z"]),
        (["L", "R", "nose"], ["R", "L", "nose"]),
        (["leftmost", "rightmost"], ["rightmost", "leftmost"]),
        (["left_hand_l", "right_hand_r"], ["right_hand_r", "left_hand_l"]),
        (["1", "2", "on", "null"], ["1", "2", "on", "null"]),
    ],
)  # fmt: skip
def test_names_without_sides_and_sides_without_partners(names, expected):
    assert mirror_names(names) == expected


def test_the_published_skeletons_are_spelt_in_one_of_these_ways():
    for skeleton in SKELETONS.values():
        assert [skeleton.keypoints[i] for i in skeleton.mirror] == mirror_names(skeleton.keypoints)
        assert len(set(keypoint_keys(skeleton.keypoints))) == len(skeleton.keypoints)


@given(st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=8))
def test_partners_are_each_others(names):
    found = mirror_names(names)
    for name, partner in zip(names, found, strict=True):
        if partner is not None:
            assert found[names.index(partner)] in (name, None)
