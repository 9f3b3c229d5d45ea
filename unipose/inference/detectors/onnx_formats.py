"""ONNX formats: how exports of YOLOX and RT-DETR are told apart, fed and decoded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unipose.core.types import RGB, Float32, Float64

CLASSES, PERSON = 80, 0  # of COCO, numbered without gaps
STRIDES = (8, 16, 32)  # of YOLOX's levels
GREY = 114  # of the canvas around YOLOX's image
MAX_IOU = 0.45  # as in YOLOX's ONNX demo; RT-DETR gives each person one box

Size = tuple[int, int]
Shape = tuple[int | str, ...]
Tensors = Mapping[str, NDArray[Any]]
Scored = tuple[Float64, Float64]  # box_xyxy (N, 4) in the image, score (N,)


@dataclass(frozen=True)
class Format:
    """The format of one kind of export.

    `inputs`: names and types, the pixels first. `outputs`: names and shapes, in which a word stands for any number, the
    same everywhere, and `cells` for the number of YOLOX's cells. `exp`: whether the graph has an Exp operator, where
    that distinguishes two formats. `max_iou`: of the non-maximum suppression that the outputs still need.
    """

    inputs: Mapping[str, str]
    outputs: Mapping[str, Shape]
    feed: Callable[[RGB, Size], Tensors]  # image, the input's size -> inputs
    read: Callable[[Tensors, Size, Size], Scored]  # outputs, the image's size, the input's -> boxes and scores
    max_iou: float = 1.0
    exp: bool | None = None

    def is_of(self, inputs: Mapping[str, str], outputs: Mapping[str, object], operators: set[str]) -> bool:
        """Whether a file with these has this format, as far as is known before it runs."""
        same = self.inputs == inputs and self.outputs.keys() <= outputs.keys()
        return same and self.exp in (None, "Exp" in operators)

    def accepts(self, outputs: Tensors, input_wh: Size) -> bool:
        """Whether the outputs have the expected shapes."""
        numbers = {"cells": len(cells(input_wh)[1])}
        for name, shape in self.outputs.items():
            found = outputs[name].shape
            if len(found) != len(shape):
                return False
            for number, word in zip(found, shape, strict=True):
                if number != (word if isinstance(word, int) else numbers.setdefault(word, number)):
                    return False
        return True

    def __str__(self) -> str:
        outputs = ", ".join(f"{name} ({', '.join(map(str, shape))})" for name, shape in self.outputs.items())
        return f"{', '.join(self.inputs)} -> {outputs}"


def feed_yolox(image: RGB, input_wh: Size) -> Tensors:
    """BGR, 0 to 255, scaled to fit the top left corner of a grey canvas: YOLOX's yolox/data/data_augment.py, from
    version 0.1.1 on (older, "legacy" weights expect normalised RGB).
    """
    width, height = fitted((image.shape[1], image.shape[0]), input_wh)
    field = np.full((input_wh[1], input_wh[0], 3), GREY, np.uint8)
    field[:height, :width] = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)[..., ::-1]
    return {"images": _planes(field)}


def fitted(image_wh: Size, input_wh: Size) -> Size:
    """The size of the scaled image within YOLOX's input."""
    zoom = min(input_wh[0] / image_wh[0], input_wh[1] / image_wh[1])
    return max(1, int(image_wh[0] * zoom)), max(1, int(image_wh[1] * zoom))


def read_yolox(outputs: Tensors, image_wh: Size, input_wh: Size) -> Scored:
    """For each cell: centre and size in pixels of the input, objectness, class probabilities."""
    rows = outputs["output"][0].astype(np.float64)
    to_image = np.divide(image_wh, fitted(image_wh, input_wh))
    return _edges(rows[:, :2] * to_image, rows[:, 2:4] * to_image), rows[:, 4] * rows[:, 5 + PERSON]


def read_raw_yolox(outputs: Tensors, image_wh: Size, input_wh: Size) -> Scored:
    """As `read_yolox`, but centres are offsets from the cell and sizes are logarithms, both in strides: what YOLOX
    exports without --decode_in_inference (yolox/models/yolo_head.py).
    """
    rows = outputs["output"].astype(np.float64)
    cell_xy, stride = cells(input_wh)
    rows[0, :, :2] = (rows[0, :, :2] + cell_xy) * stride
    rows[0, :, 2:4] = np.exp(rows[0, :, 2:4]) * stride
    return read_yolox({"output": rows}, image_wh, input_wh)


def cells(input_wh: Size) -> tuple[Float64, Float64]:
    """YOLOX's cells, level by level and row by row -> (N, 2) column and row, (N, 1) stride."""
    grids = [np.indices((input_wh[1] // s, input_wh[0] // s)).reshape(2, -1)[::-1].T for s in STRIDES]
    strides = np.repeat(np.array(STRIDES, np.float64), [len(grid) for grid in grids])
    return np.concatenate(grids).astype(np.float64), strides[:, None]


def feed_rtdetr(image: RGB, input_wh: Size) -> Tensors:
    """RT-DETR's own export: the pixels, and the image's width and height, to which the model scales its boxes."""
    return {"images": _stretched(image, input_wh), "orig_target_sizes": np.array([image.shape[1::-1]], np.int64)}


def read_rtdetr(outputs: Tensors, image_wh: Size, input_wh: Size) -> Scored:
    """The best pairs of box and class: class numbers, box edges in the image's pixels, scores."""
    person = outputs["labels"][0] == PERSON
    return outputs["boxes"][0][person].astype(np.float64), outputs["scores"][0][person].astype(np.float64)


def feed_transformers(image: RGB, input_wh: Size) -> Tensors:
    """The export of Hugging Face's transformers: the pixels alone."""
    return {"pixel_values": _stretched(image, input_wh)}


def read_transformers(outputs: Tensors, image_wh: Size, input_wh: Size) -> Scored:
    """For each query: class logits (each with its own sigmoid), and centre and size as fractions of the image."""
    boxes = outputs["pred_boxes"][0].astype(np.float64)
    logit = outputs["logits"][0, :, PERSON].astype(np.float64)
    return _edges(boxes[:, :2] * image_wh, boxes[:, 2:] * image_wh), (1 + np.tanh(logit / 2)) / 2


def _stretched(image: RGB, input_wh: Size) -> Float32:
    """RGB, 0 to 1, stretched to the input's size (preprocessing of RT-DETR and transformers)."""
    pixels = Image.fromarray(image).resize(input_wh, Image.Resampling.BILINEAR)
    return _planes(np.asarray(pixels)) / np.float32(255)


def _planes(pixels: RGB) -> Float32:
    """(H, W, 3) -> (1, 3, H, W)."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32)


def _edges(centre_xy: Float64, size_wh: Float64) -> Float64:
    """(N, 2) and (N, 2) -> box_xyxy (N, 4)."""
    return np.hstack([centre_xy - size_wh / 2, centre_xy + size_wh / 2])


PIXELS, SIZES = "tensor(float)", "tensor(int64)"
YOLOX: dict[str, Shape] = {"output": (1, "cells", 5 + CLASSES)}
FORMATS: dict[str, Format] = {
    # The decoder takes the exponential of the sizes; nothing else in YOLOX's network does.
    "YOLOX": Format({"images": PIXELS}, YOLOX, feed_yolox, read_yolox, MAX_IOU, exp=True),
    "YOLOX without its decoder": Format({"images": PIXELS}, YOLOX, feed_yolox, read_raw_yolox, MAX_IOU, exp=False),
    "RT-DETR": Format(
        {"images": PIXELS, "orig_target_sizes": SIZES},
        {"labels": (1, "found"), "boxes": (1, "found", 4), "scores": (1, "found")},
        feed_rtdetr,
        read_rtdetr,
    ),
    "RT-DETR of transformers": Format(
        {"pixel_values": PIXELS},
        {"logits": (1, "queries", CLASSES), "pred_boxes": (1, "queries", 4)},
        feed_transformers,
        read_transformers,
    ),
}
