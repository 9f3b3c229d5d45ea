"""ClipSet: labelled clips with one person each, gathered one by one and written as COCO-keypoint JSON."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from source import Source

from unipose.core.skeleton import Skeleton
from unipose.core.types import Json
from unipose.datasets.coco_json import box_around, document, frame_entry, outside, person_entry, video_entry, write_json

BOX_PADDING = 0.15  # a person without a box is the extent of the labelled joints, grown by this part of its larger side


class ClipSet:
    """The clips of one file to be: images, people and videos, numbered from 1."""

    def __init__(self, pictures: Source, root: PurePosixPath) -> None:
        """The frames are in `pictures`, below the folder `root`."""
        self.pictures, self.root = pictures, root
        self.images: list[Json] = []
        self.people: list[Json] = []
        self.videos: list[Json] = []

    def add(
        self,
        name: str,
        frames: Sequence[str],
        xy_image: NDArray[np.float64],
        visibility: NDArray[np.int64],
        boxes_xyxy: NDArray[np.float64] | None = None,
    ) -> None:
        """A clip: T file names below root, xy_image (T, K, 2), visibility (T, K), boxes_xyxy (up to T, 4).

        Joints outside their image are taken as not labelled. A frame without a box that has an area within the image
        takes that of its joints. Raises ValueError where the counts differ or frames are of several sizes.
        """
        if not len(frames) == len(xy_image) == len(visibility) or not frames:
            raise ValueError(f"{self.pictures.path}: {name}: {len(frames)} frames, labels for {len(xy_image)}")
        sizes = {self.pictures.image_size((self.root / frame).as_posix()) for frame in frames}
        if len(sizes) > 1:
            raise ValueError(f"{self.pictures.path}: {name}: frames of several sizes, {sorted(sizes)}")
        [size_wh] = sizes
        self.videos.append(video_entry(len(self.videos) + 1, name))
        for i, (frame, xy) in enumerate(zip(frames, xy_image, strict=True)):
            seen = np.where(np.isfinite(xy).all(axis=1) & ~outside(xy, size_wh), visibility[i], 0)
            box = np.full(4, np.nan) if boxes_xyxy is None or i >= len(boxes_xyxy) else boxes_xyxy[i]
            box = box.clip(0, [*size_wh, *size_wh])
            if not (box[2:] > box[:2]).all():
                box = box_around(xy[seen > 0], size_wh, BOX_PADDING)
            number = len(self.images) + 1
            self.images.append(frame_entry(number, frame, size_wh, self.videos[-1]["id"], i + 1))
            self.people.append(person_entry(number, number, xy, seen, box))

    def write(self, path: Path, skeleton: Skeleton, description: str) -> str:
        """Returns a line to print. Raises ValueError where no clip was added."""
        if not self.videos:
            raise ValueError(f"{self.pictures.path}: has no clip for {path.name}")
        names = [image["file_name"] for image in self.images]
        image_root = self.pictures.place_images(self.root.as_posix(), names, path.parent)
        write_json(path, document(skeleton, self.images, self.people, description, image_root, self.videos))
        return f"{len(self.videos)} clips, {len(self.images)} frames -> {path}"
