"""ClipSet: clips of one labelled person each, among whom there may be others, written as COCO-keypoint JSON."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
from destination import Destination
from source import Source

from unipose.core.skeleton import Skeleton
from unipose.core.types import Float64, Int64, Json
from unipose.datasets.coco_json import document, frame_entry, person_entry, video_entry
from unipose.datasets.labels import box_around, outside


class ClipSet:
    """The images, people and videos of one JSON file, numbered from 1; the frames are in `frames_source`, in `root`."""

    def __init__(self, frames_source: Source, root: PurePosixPath) -> None:
        self.source, self.root = frames_source, root
        self.images: list[Json] = []
        self.people: list[Json] = []
        self.videos: list[Json] = []

    def add(
        self,
        name: str,
        frames: Sequence[str],
        xy_image: Float64,
        visibility: Int64,
        boxes_xyxy: Float64 | None = None,
    ) -> None:
        """Add a clip: T file names in `root`, xy_image (T, K, 2), visibility (T, K), boxes_xyxy (up to T, 4).

        Joints outside their image count as not labelled. A frame without a box, or with one that has no area within
        the image, gets the box around its joints. Raises ValueError where the numbers of frames or their sizes differ.
        """
        if not len(frames) == len(xy_image) == len(visibility) or not frames:
            raise ValueError(f"{self.source.path}: {name}: {len(frames)} frames, labels for {len(xy_image)}")
        sizes = {self.source.image_size((self.root / frame).as_posix()) for frame in frames}
        if len(sizes) > 1:
            raise ValueError(f"{self.source.path}: {name}: frames of several sizes, {sorted(sizes)}")
        [size_wh] = sizes
        self.videos.append(video_entry(len(self.videos) + 1, name))
        for i, (frame, xy) in enumerate(zip(frames, xy_image, strict=True)):
            seen = np.where(np.isfinite(xy).all(axis=1) & ~outside(xy, size_wh), visibility[i], 0)
            box = np.full(4, np.nan) if boxes_xyxy is None or i >= len(boxes_xyxy) else boxes_xyxy[i]
            box = box.clip(0, [*size_wh, *size_wh])
            if not (box[2:] > box[:2]).all():
                box = box_around(xy[seen > 0], size_wh)
            number = len(self.images) + 1
            self.images.append(frame_entry(number, frame, size_wh, self.videos[-1]["id"], i + 1))
            self.people.append(person_entry(number, number, xy, seen, box))

    def add_to(self, destination: Destination, name: str, skeleton: Skeleton, description: str) -> str:
        """Let the destination hold the set as a JSON file -> a summary line. Raises ValueError for no clips."""
        if not self.videos:
            raise ValueError(f"{self.source.path}: has no clip for {name}")
        names = [image["file_name"] for image in self.images]
        root = destination.add_images(self.source, self.root.as_posix(), names)
        content = document(skeleton, self.images, self.people, description, root, self.videos, complete=False)
        path = destination.add_labels(name, content)
        return f"{len(self.videos)} clips, {len(self.images)} frames -> {path}"
