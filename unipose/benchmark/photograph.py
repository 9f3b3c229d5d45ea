"""Speed of a photograph by its number of people: from its file, the whole call, and what its parts cost alone."""

from collections.abc import Callable
from pathlib import Path

from unipose.core.image import read_image
from unipose.inference.detectors.finder import open_finder
from unipose.inference.predictor import Predictor
from unipose.runtime.engines import open_runtime
from unipose.weights import finder_for

PARTS = ("whole call", "finder alone", "poses alone", "decoding alone", "from its file")


def photograph_calls(model: Path, file: bytes, people: int) -> dict[str, Callable[[], object]]:
    """PARTS of the work on an image file, of exactly so many people, with the finder that comes along.

    So that their number is certain, the finder's threshold is the score of its `people`th best box in this image, and
    a pose of any score is kept; whether anybody is there does not change the work. The poses alone are those of the
    same boxes, given to the same Predictor: cropped, run as a batch and read. Decoding alone is in full; from its file
    a JPEG is decoded as finely as is needed. Raises ValueError for fewer than one, and for an image in which the finder
    has fewer boxes.
    """
    if people < 1:
        raise ValueError(f"a photograph is timed with 1 person or more, got {people}")
    image = read_image(file)
    finder = open_finder(finder_for(model), threshold=0.0)
    found = finder.detect(image).best(people)
    if found.scores is None or len(found) < people:
        raise ValueError(f"the finder has {len(found)} boxes in this photograph, too few for {people} people")
    finder.threshold = float(found.scores[-1])
    predictor = Predictor(open_runtime(model), finder)
    calls = (
        lambda: predictor.predict([image], None, people, min_score=0.0),
        lambda: finder.detect(image),
        lambda: predictor.predict([image], [found.boxes_xyxy]),
        lambda: read_image(file),
        lambda: predictor.predict([file], None, people, min_score=0.0),
    )
    return dict(zip(PARTS, calls, strict=True))
