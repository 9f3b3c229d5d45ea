"""Skeleton files: every name is text, and what cannot be meant is refused by name."""

import pytest
import yaml
from skeleton_file import read_skeleton, sides

from unipose.core.skeleton import skeleton_from_names

ARM = {"name": "arm", "keypoints": ["a", "b", "c"], "limbs": [["a", "b"]], "torso": ["a", "c"]}


@pytest.fixture
def skeleton(tmp_path):
    """What is read from a file with this text, these bytes or these values."""

    def read(content, encoding="utf-8"):
        text = content if isinstance(content, str | bytes) else yaml.safe_dump(content)
        path = tmp_path / "s.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return read_skeleton(path)

    return read


@pytest.mark.parametrize("quote", ["{}", "'{}'", '"{}"'])
def test_names_that_yaml_takes_for_other_things(skeleton, quote):
    names = ["1", "on", "off", "yes", "no", "y", "null", "~", "true", "1.5", "0x10", "1e3", "2024-01-01", "NaN", "010"]
    listed = ", ".join(quote.format(name) for name in names)
    text = (
        f"name: 2024\nkeypoints: [{listed}]\nlimbs: [[1, on], [null, yes]]\ntorso: [off, 'no']\nsigmas: {{on: 0.05}}\n"
    )
    found = skeleton(text)
    assert found.name == "2024" and list(found.keypoints) == names
    assert found.limbs == ((0, 1), (6, 3)) and found.torso == (2, 4) and found.oks_sigmas[:2] == (0.08, 0.05)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_skeleton_however_its_file_is_encoded(skeleton, encoding):
    text = "name: s\nkeypoints: [n\u00e9, 左膝, 右膝]\nlimbs: [[n\u00e9, 左膝]]\ntorso: [n\u00e9, 右膝]\n"
    assert skeleton(text, encoding).mirror == (0, 2, 1)


def test_everything_that_a_skeleton_may_say(skeleton):
    more = {"mirror": {"a": "b", "b": "a"}, "sigmas": {"c": 0.06}, "pckh_excluded": ["b"]}
    assert skeleton(ARM | more) == skeleton_from_names(**ARM | more)
    assert skeleton(ARM | {"limbs": None, "mirror": None, "sigmas": None}).limbs == ()


WRONG = {
    "no YAML": ("a: [", "s.yaml: not a skeleton: while parsing"),
    "no text": (b"\xff\xff\xff", "not a skeleton: "),
    "empty": ("", "it must have the keys name, keypoints, limbs, torso"),
    "a list": ([1], "it must have the keys"),
    "another key": (ARM | {"limb": []}, "unknown key 'limb'; did you mean 'limbs'"),
    "no name": ({"keypoints": ["a"], "limbs": []}, "name is missing"),
    "no keypoints": ({"name": "x", "limbs": []}, "keypoints is missing"),
    "keypoints of one word": (ARM | {"keypoints": "abc"}, "keypoints must be a list of names, got 'abc'"),
    "an empty name": (ARM | {"keypoints": ["a", "", "c"]}, "keypoints must be a list of names"),
    "a name twice": (ARM | {"keypoints": ["a", "b", "c", "a"]}, "keypoint names must be present and unique"),
    "a limb of three": (ARM | {"limbs": [["a", "b", "c"]]}, "limbs must be a list of pairs of names"),
    "a limb of nobody": (ARM | {"limbs": [["a", "d"]]}, "no keypoint 'd'; did you mean"),
    "a torso of one": (ARM | {"torso": ["a"]}, "torso must be a list of two names"),
    "no torso": ({key: ARM[key] for key in ("name", "keypoints", "limbs")}, "no keypoint 'left_shoulder'"),
    "a list as mirror": (ARM | {"mirror": [["a", "b"]]}, "mirror must be names by names"),
    "a mirror of nobody": (ARM | {"mirror": {"aa": "b"}}, "no keypoint 'aa'; did you mean 'a'"),
    "sigmas without names": (ARM | {"sigmas": [0.1, 0.1, 0.1]}, "sigmas must be numbers by names"),
    "a sigma of words": (ARM | {"sigmas": {"a": "small"}}, "sigmas must be numbers by names"),
    "a sigma of 0": (ARM | {"sigmas": {"a": 0}}, "needs 3 positive oks_sigmas"),
    "one side": (ARM | {"keypoints": ["a", "LeftElbow", "c"], "limbs": []}, "'LeftElbow' is of one side"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=WRONG)
def test_what_is_no_skeleton_is_named(skeleton, content, message):
    with pytest.raises(ValueError, match=r"s.yaml: not a skeleton: ") as error:
        skeleton(content)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_which_keypoints_trade_places():
    skeleton = skeleton_from_names("s", ["nose", "hipL", "hipR"], [], ["nose", "hipR"])
    assert sides(skeleton) == "s: in a mirrored image hipL and hipR trade places; nose stay"
