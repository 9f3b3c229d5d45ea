"""A drawn person with a random pose, proportions and clothes, and the visibility of its joints.

Both arms and both legs look the same. Which one is the left one follows from whether the figure shows its face and
buttons or its hair and braces, so a network has to see the whole figure to tell left from right.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike

from unipose.core.types import Float64, Int, UInt8

Colour = Sequence[int] | Int  # red, green, blue

OVERSAMPLING = 2  # a canvas is drawn this many times larger than the image and averaged down at the end
FRACTION_BITS = 4  # of OpenCV's fixed-point drawing coordinates
SIDES = ("right", "left")
# Each body part and the joints that are visible where it is.
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
PART_ID = {part: 1 + number for number, part in enumerate(PARTS)}
NO_PART = 0

HAIR = ((30, 25, 22), (75, 45, 25), (190, 150, 80), (150, 65, 30), (150, 150, 150))
PALE, DARK = np.array([240, 200, 170]), np.array([85, 55, 40])
SHIRT, TROUSERS = (150.0, 240.0), (40.0, 110.0)  # ranges of brightness


def skin(rng: np.random.Generator) -> Colour:
    return _whole(PALE + (DARK - PALE) * rng.random())


def cloth(rng: np.random.Generator, brightness: tuple[float, float]) -> Colour:
    """A colour whose brightest channel lies within a range of brightness."""
    colour = rng.uniform(0.15, 1.0, 3)
    return _whole(rng.uniform(*brightness) * colour / colour.max())


def _whole(colour: Float64) -> Colour:
    return tuple(int(channel) for channel in colour)


class Canvas:
    """An oversampled image; the body part visible at each of its pixels, and whose; drawn on in image coordinates.

    Figures are numbered from 1 in the order in which they are drawn.
    """

    def __init__(self, size_wh: tuple[int, int]) -> None:
        width, height = (OVERSAMPLING * side for side in size_wh)
        self.image: UInt8 = np.zeros((height, width, 3), np.uint8)
        self.part_id: UInt8 = np.zeros((height, width), np.uint8)
        self.figure_id: UInt8 = np.zeros((height, width), np.uint8)
        self.figures = 0

    def polygon(self, xy_image: ArrayLike, colour: Colour, part_id: int = NO_PART) -> None:
        """Fill a convex polygon (N, 2)."""
        xy_canvas = (np.asarray(xy_image) + 0.5) * OVERSAMPLING - 0.5
        points = np.round(xy_canvas * 2**FRACTION_BITS).astype(np.int32)
        cv2.fillConvexPoly(self.image, points, [int(channel) for channel in colour], cv2.LINE_AA, FRACTION_BITS)
        for identity, own in ((self.part_id, part_id), (self.figure_id, self.figures)):
            cv2.fillConvexPoly(identity, points, [own], cv2.LINE_8, FRACTION_BITS)

    def disc(self, centre_xy: ArrayLike, radius: float, colour: Colour, part_id: int = NO_PART) -> None:
        self.polygon(np.asarray(centre_xy) + radius * CIRCLE, colour, part_id)

    def limb(self, a: Float64, b: Float64, radii: tuple[float, float], colour: Colour, part_id: int = NO_PART) -> None:
        """A tapered bar from a to b with round ends and a darker edge, visible against others of its colour."""
        across = np.array([a[1] - b[1], b[0] - a[0]]) / max(float(np.hypot(*(b - a))), 1e-6)
        for tone, part in ((0.65, 1.0), (1.0, 0.75)):
            shade = [int(tone * channel) for channel in colour]
            ra, rb = part * radii[0], part * radii[1]
            self.polygon([a + ra * across, b + rb * across, b - rb * across, a - ra * across], shade, part_id)
            self.disc(a, ra, shade, part_id)
            self.disc(b, rb, shade, part_id)

    def shows(self, joint: str, xy_image: Float64, figure: int) -> bool:
        """Whether a figure's body part with this joint is visible within a pixel of it."""
        x, y = np.round((xy_image + 0.5) * OVERSAMPLING - 0.5).astype(int)
        rows, columns = (slice(max(at - OVERSAMPLING, 0), at + OVERSAMPLING + 1) for at in (y, x))
        near = self.part_id[rows, columns][self.figure_id[rows, columns] == figure]
        return any((near == PART_ID[part]).any() for part, joints in PARTS.items() if joint in joints)

    def body_box(self) -> Float64:
        """The box_xyxy (4,) in the image around the visible body parts of the latest figure."""
        body = (self.part_id != NO_PART) & (self.figure_id == self.figures)
        left, top, width, height = cv2.boundingRect(body.astype(np.uint8))
        return np.array([left, top, left + width, top + height]) / OVERSAMPLING


_ANGLES = np.linspace(0.0, 2 * np.pi, 24, endpoint=False)
CIRCLE = np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)])


class Figure:
    """A person: `xy` is the image position of each of LSP's 14 joints, `size` the standing height in pixels.

    `angles` are those of its joints by name, in radians, within a human range; `set_pose` changes them.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        size_wh: tuple[int, int],
        extent: tuple[float, float] = (0.65, 0.9),
        place: tuple[float, float] = (0.25, 0.75),
    ) -> None:
        """`extent`: the smallest and the largest share of the image that the figure fills; `place`: of the room that is
        left, the smallest and the largest share on its left, and above.
        """
        self.faces_camera = bool(rng.random() < 0.6)
        self.turn = float(rng.uniform(-0.9, 0.9))  # radians about the vertical, towards the viewer's right
        self.angles = {"lean": float(np.clip(rng.normal(0.0, 0.2), -0.6, 0.6))}  # to the viewer's right
        self.lengths: dict[str, float] = {}  # in standing heights
        self._draw_proportions(rng)
        self.size = 1.0
        self.set_pose(self.angles, np.zeros(2))
        low, high = np.min(list(self.xy.values()), axis=0), np.max(list(self.xy.values()), axis=0)
        space = np.array(size_wh) * rng.uniform(*extent)
        self.size = float((space / (high - low)).min())
        corner = (np.array(size_wh) - self.size * (high - low)) * rng.uniform(*place, 2) - 0.5
        self.set_pose(self.angles, corner - self.size * low)

    def _draw_proportions(self, rng: np.random.Generator) -> None:
        """Random lengths and angles. A limb at 0 hangs down along the body's axis; at pi / 2 it points outwards."""

        def length(name: str, mean: float, shortest: float = 1.0) -> None:  # shortest < 1: foreshortened
            self.lengths[name] = mean * float(rng.normal(1.0, 0.05) * rng.uniform(shortest, 1.0))

        length("neck", 0.33)
        self.angles["nod"] = float(rng.normal(0.0, 0.2))
        for name, mean in (("head", 0.2), ("shoulders", 0.135), ("hips", 0.085)):
            length(name, mean)
        for side in SIDES:
            arm = float(rng.uniform(0.7, 2.9) if rng.random() < 0.4 else rng.normal(0.35, 0.3))
            elbow = float(np.clip(rng.normal(0.0, 0.6), -1.6, 1.6))
            thigh = float(np.clip(rng.normal(0.25, 0.25), -0.15, 1.1))
            knee = float(np.clip(rng.normal(-0.15, 0.3), -1.1, 0.5))
            for name, angle in (("shoulder", arm), ("elbow", elbow), ("hip", thigh), ("knee", knee)):
                self.angles[f"{side}_{name}"] = angle
            for name, mean in (("upper_arm", 0.18), ("forearm", 0.17), ("thigh", 0.25), ("shin", 0.24)):
                length(f"{side}_{name}", mean, 0.85)

    def set_pose(self, angles: dict[str, float], pelvis_xy: Float64) -> None:
        """Update `xy` to these joint angles, with the pelvis at this point (2,) of the image."""
        lean, lengths = angles["lean"], self.lengths
        self.pelvis_xy, self.up, self.rightwards = pelvis_xy, _upwards(lean), _upwards(lean + np.pi / 2)
        neck = self.up * lengths["neck"]
        joints = {"neck": neck, "head_top": neck + _upwards(lean + angles["nod"]) * lengths["head"]}
        for side in SIDES:
            outwards = self.rightwards if (side == "left") == self.faces_camera else -self.rightwards
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
        """Draw it back to front, so that nearer parts cover those further away."""
        canvas.figures += 1
        bare, shirt, trousers = skin(rng), cloth(rng, SHIRT), cloth(rng, TROUSERS)
        shoes, trim = rng.integers(180, 250, 3), rng.integers(10, 60, 3)
        sleeve, leg_end = (part if rng.random() < 0.5 else bare for part in (shirt, trousers))
        girth = self.size * float(rng.uniform(0.85, 1.25))
        # Turned to the viewer's right, a figure has its right side nearer if it faces the camera, else its left side.
        near, far = SIDES if (self.turn > 0) == self.faces_camera else SIDES[::-1]

        def leg(side: str) -> None:
            self._limb(canvas, side, "shin", (0.032 * girth, 0.025 * girth), leg_end)
            canvas.disc(self.xy[f"{side}_ankle"], 0.034 * girth, shoes, PART_ID[f"{side}_shin"])
            self._limb(canvas, side, "thigh", (0.047 * girth, 0.036 * girth), trousers)

        def arm(side: str) -> None:
            self._limb(canvas, side, "upper_arm", (0.034 * girth, 0.029 * girth), shirt)
            self._limb(canvas, side, "forearm", (0.028 * girth, 0.022 * girth), sleeve)
            canvas.disc(self.xy[f"{side}_wrist"], 0.03 * girth, bare, PART_ID[f"{side}_forearm"])

        behind = SIDES if abs(self.turn) < 0.35 and not self.faces_camera else (far,) if abs(self.turn) >= 0.35 else ()
        for side in behind:
            arm(side)
        leg(far)
        leg(near)
        self._torso(canvas, shirt, trim, girth)
        self._head(canvas, bare, HAIR[rng.integers(len(HAIR))])
        for side in (side for side in (far, near) if side not in behind):
            arm(side)

    def _limb(self, canvas: Canvas, side: str, part: str, radii: tuple[float, float], colour: Colour) -> None:
        a, b = (self.xy[joint] for joint in PARTS[f"{side}_{part}"])
        canvas.limb(a, b, radii, colour, PART_ID[f"{side}_{part}"])

    def _torso(self, canvas: Canvas, shirt: Colour, trim: Colour, girth: float) -> None:
        """Rounded at the shoulders and hips; buttons in front, crossed braces behind."""
        part_id, bulk = PART_ID["torso"], 0.03 * girth
        corners = [self.xy[f"{side}_{joint}"] for side, joint in
                   (("right", "shoulder"), ("left", "shoulder"), ("left", "hip"), ("right", "hip"))]  # fmt: skip
        outline = np.concatenate([corner + bulk * CIRCLE for corner in corners]).astype(np.float32)
        canvas.polygon(cv2.convexHull(outline)[:, 0], shirt, part_id)
        chest, waist = (corners[0] + corners[1]) / 2, (corners[2] + corners[3]) / 2
        if self.faces_camera:
            offset = 0.06 * girth * np.sin(self.turn) * self.rightwards
            for part in (0.15, 0.4, 0.65, 0.9):
                canvas.disc(chest + part * (waist - chest) + offset, 0.014 * girth, trim, part_id)
        else:
            for top, bottom in ((corners[0], corners[2]), (corners[1], corners[3])):
                canvas.limb(top, bottom, (0.013 * girth, 0.013 * girth), trim, part_id)

    def _head(self, canvas: Canvas, skin: Colour, hair: Colour) -> None:
        """Covered in hair from behind; in front a fringe, two eyes and a mouth, shifted the way the face is turned."""
        part_id, neck, top = PART_ID["head"], self.xy["neck"], self.xy["head_top"]
        tall = float(np.hypot(*(top - neck)))
        up = (top - neck) / tall
        sideways, middle, radius = np.array([-up[1], up[0]]), neck + 0.62 * (top - neck), 0.38 * tall
        canvas.limb(neck, middle, (0.17 * tall, 0.17 * tall), skin, part_id)
        canvas.polygon(middle + radius * (CIRCLE[:, :1] * up + 0.82 * CIRCLE[:, 1:] * sideways), hair, part_id)
        if self.faces_camera:
            face = middle + radius * (0.35 * np.sin(self.turn) * sideways - 0.12 * up)
            canvas.polygon(face + radius * (0.8 * CIRCLE[:, :1] * up + 0.62 * CIRCLE[:, 1:] * sideways), skin, part_id)
            for aside in (-0.27, 0.27):
                canvas.disc(face + radius * (aside * sideways + 0.2 * up), 0.12 * radius, (20, 20, 20), part_id)
            mouth = face - 0.4 * radius * up
            canvas.limb(
                mouth - 0.2 * radius * sideways, mouth + 0.2 * radius * sideways, (1e-2, 1e-2), (150, 40, 40), part_id
            )


def _upwards(angle: float) -> Float64:
    """The unit vector `angle` radians from upwards, towards the viewer's right."""
    return np.array([np.sin(angle), -np.cos(angle)])
