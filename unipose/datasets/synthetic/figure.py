"""A drawn person: a random pose, proportions and clothes, and which of its joints can be seen.

Both arms and both legs look the same. Which one is the left one follows from whether the figure shows its face and
buttons or its hair and braces, so a network has to see the whole figure to name its joints.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike

from unipose.core.types import Float64, Int, UInt8

Colour = Sequence[int] | Int  # red, green, blue

OVERSAMPLING = 2  # a canvas is this much larger than the image, into which it is averaged at the end
FRACTION_BITS = 4  # of the fixed-point coordinates that OpenCV draws with
SIDES = ("right", "left")
# Each body part and the joints that are seen where it is seen.
LIMBS = {
    "upper_arm": ("shoulder", "elbow"),
    "forearm": ("elbow", "wrist"),
    "thigh": ("hip", "knee"),
    "shin": ("knee", "ankle"),
}
PARTS: dict[str, tuple[str, ...]] = {
    "torso": ("neck", *(f"{side}_{joint}" for side in SIDES for joint in ("shoulder", "hip"))),
    "head": ("neck", "head_top"),
    **{f"{side}_{limb}": tuple(f"{side}_{end}" for end in ends) for side in SIDES for limb, ends in LIMBS.items()},
}
OWNER = {part: 1 + number for number, part in enumerate(PARTS)}
NOBODY = 0

HAIR = ((30, 25, 22), (75, 45, 25), (190, 150, 80), (150, 65, 30), (150, 150, 150))
PALE, DARK = np.array([240, 200, 170]), np.array([85, 55, 40])
SHIRT, TROUSERS = (150.0, 240.0), (40.0, 110.0)  # how bright cloth is


def skin(rng: np.random.Generator) -> Colour:
    return _whole(PALE + (DARK - PALE) * rng.random())


def cloth(rng: np.random.Generator, brightness: tuple[float, float]) -> Colour:
    """A colour whose strongest channel is as bright as asked."""
    colour = rng.uniform(0.15, 1.0, 3)
    return _whole(rng.uniform(*brightness) * colour / colour.max())


def _whole(colour: Float64) -> Colour:
    return tuple(int(channel) for channel in colour)


class Canvas:
    """An oversampled picture and, for each of its pixels, the body part seen there; drawn on in image coordinates."""

    def __init__(self, size_wh: tuple[int, int]) -> None:
        width, height = (OVERSAMPLING * side for side in size_wh)
        self.image: UInt8 = np.zeros((height, width, 3), np.uint8)
        self.owner: UInt8 = np.zeros((height, width), np.uint8)

    def polygon(self, xy_image: ArrayLike, colour: Colour, owner: int = NOBODY) -> None:
        """Fill a convex polygon (N, 2)."""
        xy_canvas = (np.asarray(xy_image) + 0.5) * OVERSAMPLING - 0.5
        points = np.round(xy_canvas * 2**FRACTION_BITS).astype(np.int32)
        cv2.fillConvexPoly(self.image, points, [int(channel) for channel in colour], cv2.LINE_AA, FRACTION_BITS)
        cv2.fillConvexPoly(self.owner, points, [owner], cv2.LINE_8, FRACTION_BITS)

    def disc(self, centre_xy: ArrayLike, radius: float, colour: Colour, owner: int = NOBODY) -> None:
        self.polygon(np.asarray(centre_xy) + radius * CIRCLE, colour, owner)

    def limb(self, a: Float64, b: Float64, radii: tuple[float, float], colour: Colour, owner: int = NOBODY) -> None:
        """A round-ended, tapered bar from a to b, darker at its rim, so that it stands out against its like."""
        across = np.array([a[1] - b[1], b[0] - a[0]]) / max(float(np.hypot(*(b - a))), 1e-6)
        for tone, part in ((0.65, 1.0), (1.0, 0.75)):
            shade = [int(tone * channel) for channel in colour]
            ra, rb = part * radii[0], part * radii[1]
            self.polygon([a + ra * across, b + rb * across, b - rb * across, a - ra * across], shade, owner)
            self.disc(a, ra, shade, owner)
            self.disc(b, rb, shade, owner)

    def shows(self, joint: str, xy_image: Float64) -> bool:
        """Whether a part of the body that has this joint is seen within a pixel of it."""
        x, y = np.round((xy_image + 0.5) * OVERSAMPLING - 0.5).astype(int)
        near = self.owner[
            max(y - OVERSAMPLING, 0) : y + OVERSAMPLING + 1, max(x - OVERSAMPLING, 0) : x + OVERSAMPLING + 1
        ]
        return any((near == OWNER[part]).any() for part, joints in PARTS.items() if joint in joints)


_ANGLES = np.linspace(0.0, 2 * np.pi, 24, endpoint=False)
CIRCLE = np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)])


class Figure:
    """A person: `xy` has the image position of each of LSP's 14 joints, `size` its standing height in pixels.

    `angles` are those of its joints by name, in radians, within what a body can do; `stand` gives it others.
    """

    def __init__(
        self, rng: np.random.Generator, size_wh: tuple[int, int], room: tuple[float, float] = (0.65, 0.9)
    ) -> None:
        """`room`: how much of the image the figure takes, from-to."""
        self.faces_us = bool(rng.random() < 0.6)
        self.turn = float(
            rng.uniform(-0.9, 0.9)
        )  # radians about the upright axis; positive turns the face to our right
        self.angles = {"lean": float(np.clip(rng.normal(0.0, 0.2), -0.6, 0.6))}  # to our right
        self.lengths: dict[str, float] = {}  # in standing heights
        self._grow(rng)
        self.size = 1.0
        self.stand(self.angles, np.zeros(2))
        low, high = np.min(list(self.xy.values()), axis=0), np.max(list(self.xy.values()), axis=0)
        space = np.array(size_wh) * rng.uniform(*room)
        self.size = float((space / (high - low)).min())
        corner = (np.array(size_wh) - self.size * (high - low)) * rng.uniform(0.25, 0.75, 2) - 0.5
        self.stand(self.angles, corner - self.size * low)

    def _grow(self, rng: np.random.Generator) -> None:
        """Draw lengths and angles. An angle of 0 hangs down along the body's axis, pi / 2 points outwards."""

        def grow(name: str, mean: float, shortest: float = 1.0) -> None:  # below 1: foreshortened
            self.lengths[name] = mean * float(rng.normal(1.0, 0.05) * rng.uniform(shortest, 1.0))

        grow("neck", 0.33)
        self.angles["nod"] = float(rng.normal(0.0, 0.2))
        for name, mean in (("head", 0.2), ("shoulders", 0.135), ("hips", 0.085)):
            grow(name, mean)
        for side in SIDES:
            arm = float(rng.uniform(0.7, 2.9) if rng.random() < 0.4 else rng.normal(0.35, 0.3))
            elbow = float(np.clip(rng.normal(0.0, 0.6), -1.6, 1.6))
            thigh = float(np.clip(rng.normal(0.25, 0.25), -0.15, 1.1))
            knee = float(np.clip(rng.normal(-0.15, 0.3), -1.1, 0.5))
            for name, angle in (("shoulder", arm), ("elbow", elbow), ("hip", thigh), ("knee", knee)):
                self.angles[f"{side}_{name}"] = angle
            for name, mean in (("upper_arm", 0.18), ("forearm", 0.17), ("thigh", 0.25), ("shin", 0.24)):
                grow(f"{side}_{name}", mean, 0.85)

    def stand(self, angles: dict[str, float], pelvis_xy: Float64) -> None:
        """Take a pose: the angles of the joints, and where in the image the pelvis is."""
        lean, lengths = angles["lean"], self.lengths
        self.pelvis_xy, self.up, self.rightwards = pelvis_xy, _upwards(lean), _upwards(lean + np.pi / 2)
        neck = self.up * lengths["neck"]
        joints = {"neck": neck, "head_top": neck + _upwards(lean + angles["nod"]) * lengths["head"]}
        for side in SIDES:
            outwards = self.rightwards if (side == "left") == self.faces_us else -self.rightwards
            wide = np.cos(self.turn) * outwards
            for start, names, parts in (
                (
                    neck - 0.03 * self.up + lengths["shoulders"] * wide,
                    ("shoulder", "elbow", "wrist"),
                    ("upper_arm", "forearm"),
                ),
                (lengths["hips"] * wide, ("hip", "knee", "ankle"), ("thigh", "shin")),
            ):
                joint, angle = start, 0.0
                joints[f"{side}_{names[0]}"] = joint
                for bends, end, part in zip(names[:-1], names[1:], parts, strict=True):
                    angle += angles[f"{side}_{bends}"]
                    reach = lengths[f"{side}_{part}"]
                    joint = joint + reach * (np.sin(angle) * outwards - np.cos(angle) * self.up)
                    joints[f"{side}_{end}"] = joint
        self.xy = {name: pelvis_xy + self.size * xy for name, xy in joints.items()}

    def draw(self, rng: np.random.Generator, canvas: Canvas) -> None:
        """Back to front: what is nearer hides what is further away."""
        bare, shirt, trousers = skin(rng), cloth(rng, SHIRT), cloth(rng, TROUSERS)
        shoes, trim = rng.integers(180, 250, 3), rng.integers(10, 60, 3)
        sleeve, leg_end = (part if rng.random() < 0.5 else bare for part in (shirt, trousers))
        stout = self.size * float(rng.uniform(0.85, 1.25))
        # Turned to our right, a figure facing us has its right side nearer; one seen from behind has its left side.
        near, far = SIDES if (self.turn > 0) == self.faces_us else SIDES[::-1]

        def leg(side: str) -> None:
            self._limb(canvas, side, "shin", (0.032 * stout, 0.025 * stout), leg_end)
            canvas.disc(self.xy[f"{side}_ankle"], 0.034 * stout, shoes, OWNER[f"{side}_shin"])
            self._limb(canvas, side, "thigh", (0.047 * stout, 0.036 * stout), trousers)

        def arm(side: str) -> None:
            self._limb(canvas, side, "upper_arm", (0.034 * stout, 0.029 * stout), shirt)
            self._limb(canvas, side, "forearm", (0.028 * stout, 0.022 * stout), sleeve)
            canvas.disc(self.xy[f"{side}_wrist"], 0.03 * stout, bare, OWNER[f"{side}_forearm"])

        behind = SIDES if abs(self.turn) < 0.35 and not self.faces_us else (far,) if abs(self.turn) >= 0.35 else ()
        for side in behind:
            arm(side)
        leg(far)
        leg(near)
        self._torso(canvas, shirt, trim, stout)
        self._head(canvas, bare, HAIR[rng.integers(len(HAIR))])
        for side in (side for side in (far, near) if side not in behind):
            arm(side)

    def _limb(self, canvas: Canvas, side: str, part: str, radii: tuple[float, float], colour: Colour) -> None:
        a, b = (self.xy[joint] for joint in PARTS[f"{side}_{part}"])
        canvas.limb(a, b, radii, colour, OWNER[f"{side}_{part}"])

    def _torso(self, canvas: Canvas, shirt: Colour, trim: Colour, stout: float) -> None:
        """Rounded at the shoulders and hips; buttons in front, crossed braces behind."""
        owner, bulk = OWNER["torso"], 0.03 * stout
        corners = [self.xy[f"{side}_{joint}"] for side, joint in
                   (("right", "shoulder"), ("left", "shoulder"), ("left", "hip"), ("right", "hip"))]  # fmt: skip
        outline = np.concatenate([corner + bulk * CIRCLE for corner in corners]).astype(np.float32)
        canvas.polygon(cv2.convexHull(outline)[:, 0], shirt, owner)
        chest, waist = (corners[0] + corners[1]) / 2, (corners[2] + corners[3]) / 2
        if self.faces_us:
            offset = 0.06 * stout * np.sin(self.turn) * self.rightwards
            for part in (0.15, 0.4, 0.65, 0.9):
                canvas.disc(chest + part * (waist - chest) + offset, 0.014 * stout, trim, owner)
        else:
            for top, bottom in ((corners[0], corners[2]), (corners[1], corners[3])):
                canvas.limb(top, bottom, (0.013 * stout, 0.013 * stout), trim, owner)

    def _head(self, canvas: Canvas, skin: Colour, hair: Colour) -> None:
        """Hair all over from behind; from in front a fringe, two eyes and a mouth, moved the way the face is turned."""
        owner, neck, top = OWNER["head"], self.xy["neck"], self.xy["head_top"]
        tall = float(np.hypot(*(top - neck)))
        up = (top - neck) / tall
        sideways, middle, radius = np.array([-up[1], up[0]]), neck + 0.62 * (top - neck), 0.38 * tall
        canvas.limb(neck, middle, (0.17 * tall, 0.17 * tall), skin, owner)
        canvas.polygon(middle + radius * (CIRCLE[:, :1] * up + 0.82 * CIRCLE[:, 1:] * sideways), hair, owner)
        if self.faces_us:
            face = middle + radius * (0.35 * np.sin(self.turn) * sideways - 0.12 * up)
            canvas.polygon(face + radius * (0.8 * CIRCLE[:, :1] * up + 0.62 * CIRCLE[:, 1:] * sideways), skin, owner)
            for aside in (-0.27, 0.27):
                canvas.disc(face + radius * (aside * sideways + 0.2 * up), 0.12 * radius, (20, 20, 20), owner)
            mouth = face - 0.4 * radius * up
            canvas.limb(
                mouth - 0.2 * radius * sideways, mouth + 0.2 * radius * sideways, (1e-2, 1e-2), (150, 40, 40), owner
            )


def _upwards(angle: float) -> Float64:
    """The unit vector `angle` radians from upwards towards our right."""
    return np.array([np.sin(angle), -np.cos(angle)])
