from dataclasses import replace

import numpy as np
import pytest

from unipose.core.skeleton import SKELETONS
from unipose.datasets.records import RecordSet
from unipose.training.config import DataConfig
from unipose.training.sets import common_skeleton

LSP, COCO, BODY = (SKELETONS[name] for name in ("lsp14", "coco17", "body19"))
SHARED = [name for name in LSP.keypoints if name in COCO.keypoints]


def coco(lsp: RecordSet) -> RecordSet:
    """The same people in a file with COCO's keypoints, of which the face's are at the head's top."""
    [head] = [k for k, name in enumerate(LSP.keypoints) if name == "head_top"]
    places = [LSP.keypoints.index(name) if name in SHARED else head for name in COCO.keypoints]
    records = tuple(
        replace(r, xy_image=r.xy_image[places], labelled=r.labelled[places], visible=r.visible[places])
        for r in lsp.records
    )
    path = lsp.path.with_name("coco.json")
    path.write_text("{}")  # which is read no more, but belongs to the training's provenance
    return replace(lsp, path=path, skeleton=COCO, records=records)


BODY19 = DataConfig(skeleton="body19")


def test_sets_of_two_skeletons_are_matched_by_name(drawn):
    train, validation = drawn
    (first, second), skeleton = common_skeleton(BODY19, [train, coco(train)], validation)
    assert skeleton is first.skeleton is second.skeleton is BODY
    elbow = BODY.keypoints.index("left_elbow")
    for mine, theirs, was in zip(first.records, second.records, train.records, strict=True):
        assert (mine.xy_image[elbow] == was.xy_image[LSP.keypoints.index("left_elbow")]).all()
        assert np.array_equal(mine.xy_image[elbow], theirs.xy_image[elbow])
        assert (mine.labelled.sum(), theirs.labelled.sum(), (mine.labelled & theirs.labelled).sum()) == (14, 17, 12)


def test_without_data_skeleton_all_sets_have_one(drawn):
    train, validation = drawn
    assert common_skeleton(DataConfig(), [train, train], validation) == ([train, train], LSP)
    assert common_skeleton(DataConfig(), [train], None)[1] is LSP
    for training, judged in (([train, coco(train)], None), ([train], coco(validation))):
        with pytest.raises(
            ValueError, match=r"coco\.json has skeleton coco17, .*train\.json lsp14: .*data\.skeleton=body19"
        ):
            common_skeleton(DataConfig(), training, judged)


@pytest.mark.parametrize(
    ("skeleton", "data", "message"),
    [
        ("body19", "coco17", None),
        ("body19", "lsp14", None),
        (
            "lsp14",
            "coco17",
            r"test\.json has keypoints that lsp14 lacks: left_ear, left_eye, nose, right_ear, right_eye",
        ),
        ("body19", "mpii16", r"test\.json has keypoints that body19 lacks: pelvis, thorax, upper_neck"),
        ("body20", "lsp14", r"data\.skeleton.*'body20'.*body19"),
    ],
)
def test_a_validation_set_may_have_fewer_keypoints_and_no_others(drawn, skeleton, data, message):
    train, validation = drawn
    validation = replace(validation, skeleton=SKELETONS[data])
    if message is None:
        assert common_skeleton(DataConfig(skeleton=skeleton), [train], validation)[1] is SKELETONS[skeleton]
    else:
        with pytest.raises(ValueError, match=message):
            common_skeleton(DataConfig(skeleton=skeleton), [train], validation)
