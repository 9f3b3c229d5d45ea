"""Limits on load and time: what is refused, what is not run, and that a place is always released."""

import asyncio
import threading
from dataclasses import replace

import numpy as np
import pytest
from fastapi import HTTPException
from PIL import Image

from serve.metrics import Metrics
from serve.service import PoseRequest, PoseService
from serve.settings import Settings
from tests.support.ramp_app import LIMITS, PNG, SIZE, FixedDetector, Reader, serving
from unipose.core import image
from unipose.core.model_spec import PersonScore
from unipose.inference.predictor import Predictor


class Gated(Reader):
    """Waits while the gate is closed."""

    def __init__(self, spec):
        super().__init__(spec)
        self.gate = threading.Event()
        self.gate.set()

    def run(self, batch):
        assert self.gate.wait(20)
        return super().run(batch)


def with_service(spec, use, **changes):
    async def main():
        runtime = Gated(spec)
        settings = Settings(**(LIMITS | changes))
        service = PoseService(Predictor(runtime, max_batch=settings.max_batch), settings, Metrics())
        await service.start()
        runtime.batches.clear()
        try:
            await asyncio.wait_for(use(service, runtime), 30)
        finally:
            runtime.gate.set()
            await service.stop()

    asyncio.run(main())


@pytest.mark.parametrize(("most", "sizes"), [(1, [1]), (4, [1, 2, 4]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])])
def test_every_copy_is_warmed_up_with_every_size(spec, most, sizes):
    found = []

    class Copies(Reader):
        copies = 2

        def find(self, crops, decoder="dark", flip=False):
            found.append(len(crops))
            return super().find(crops, decoder, flip)

    async def main():
        runtime = Copies(spec)
        service = PoseService(Predictor(runtime, max_batch=most), Settings(**LIMITS), Metrics())
        await service.start()
        await service.stop()

    asyncio.run(main())
    assert found[-2 * len(sizes) :] == [size for size in sizes for _ in range(2)]


ONE = PoseRequest(boxes=np.array([[20.0, 10, 250, 220]]))


async def refused(work):
    with pytest.raises(HTTPException) as info:
        await work
    return info.value


def test_a_full_queue_is_429_and_a_place_comes_back(spec):
    async def use(service, runtime):
        runtime.gate.clear()
        tasks = [asyncio.create_task(service.answer(PNG, ONE)) for _ in range(2)]
        await asyncio.sleep(0.1)
        assert not service.has_place()
        error = await refused(service.answer(PNG, ONE))
        assert (error.status_code, error.headers) == (429, {"Retry-After": "1"})
        runtime.gate.set()
        results = await asyncio.gather(*tasks)
        assert [(r.width, r.height, len(r.poses)) for r in results] == [(*SIZE, 1)] * 2
        assert service.has_place()
        await service.answer(PNG, ONE)

    with_service(spec, use, max_queue=2)


def test_past_the_deadline_is_504_and_what_was_not_run_is_never_run(spec):
    async def use(service, runtime):
        runtime.gate.clear()
        running = asyncio.create_task(service.answer(PNG, ONE))
        await asyncio.sleep(0.1)
        waiting = [asyncio.create_task(service.answer(PNG, ONE)) for _ in range(3)]
        errors = [await refused(task) for task in (running, *waiting)]
        assert [error.status_code for error in errors] == [504] * 4
        runtime.gate.set()
        await asyncio.sleep(0.1)
        assert runtime.batches == [1]
        assert len((await service.answer(PNG, ONE)).poses) == 1
        assert runtime.batches == [1, 1]

    with_service(spec, use, deadline_seconds=0.4)


@pytest.mark.parametrize(("budget", "batches"), [(100_000, 3), (300_000, 2)])
def test_decoded_pixels_wait_for_their_budget(spec, budget, batches):
    """While the model runs the first, the others would queue for a batch of two if the budget had room for both."""

    async def use(service, runtime):
        runtime.gate.clear()
        tasks = [asyncio.create_task(service.answer(PNG, ONE)) for _ in range(3)]
        await asyncio.sleep(0.2)
        runtime.gate.set()
        await asyncio.gather(*tasks)
        assert (len(runtime.batches), sum(runtime.batches)) == (batches, 3)

    with_service(spec, use, pixel_budget=budget, max_pixels=100_000)


LEFT, RIGHT = [20.0, 10, 150, 220], [160.0, 10, 300, 220]
RULE = PersonScore(bias=0.0, detection=1.0, keypoints=0.0, threshold=0.5)  # the detection's own score


def apart(spec):
    """A skeleton so exact that two poses are never one person's, and the rule above."""
    exact = replace(spec.skeleton, oks_sigmas=(1e-9,) * 14)
    return replace(spec, skeleton=exact, person_score=RULE)


def test_the_detectors_people_are_at_most_what_is_asked_for(spec):
    detector = FixedDetector([[20 + 32 * i, 10, 50 + 32 * i, 220] for i in range(9)], np.linspace(0.9, 0.5, 9))

    async def use(service, runtime):
        service._predictor.detector = detector
        runtime.batches.clear()
        for asked, count in ((None, 3), (2, 2), (50, 3)):
            result = await service.answer(PNG, PoseRequest(max_people=asked))
            assert len(result.poses) == count
        assert sum(runtime.batches) == 3 + 2 + 3  # those left out were not run either

    with_service(apart(spec), use)


@pytest.mark.parametrize(
    ("query", "scores"),
    [
        ({}, [0.8, 0.6]),
        ({"score_threshold": 0}, [0.8, 0.6, 0.3]),
        ({"score_threshold": 0.7}, [0.8]),
        ({"score_threshold": 0.9}, []),
        ({"max_people": 1}, [0.6]),  # the detector's first
    ],
)
def test_people_who_were_found_come_the_likeliest_first_from_the_models_threshold_on(spec, query, scores):
    detector = FixedDetector([LEFT, RIGHT, [90, 10, 200, 220]], [0.6, 0.8, 0.3])
    with serving(Reader(apart(spec)), detector) as client:
        answer = client.post("/pose", content=PNG, params=query)
        assert answer.status_code == 200, answer.text
        assert [pose["score"] for pose in answer.json()["poses"]] == pytest.approx(scores, abs=1e-4)


def test_given_boxes_keep_the_mean_of_the_best_keypoints_and_are_filtered_by_what_is_asked_alone(spec):
    rule = replace(RULE, threshold=1.0)
    with serving(Reader(replace(spec, person_score=rule)), FixedDetector()) as client:
        params = {"boxes": f"[{LEFT}, {RIGHT}]"}
        poses = client.post("/pose", content=PNG, params=params).json()["poses"]
        assert [pose["box"] for pose in poses] == [LEFT, RIGHT]
        for pose in poses:
            best = sorted(k["score"] for k in pose["keypoints"])[-12:]
            assert pose["score"] == pytest.approx(np.mean(best), abs=1e-3)
        assert client.post("/pose", content=PNG, params=params | {"score_threshold": 1}).json()["poses"] == []


@pytest.mark.parametrize("form", ["native", "coco", "openpose"])
def test_nobody_found_is_an_empty_list(spec, form):
    with serving(Reader(spec), FixedDetector()) as client:
        answer = client.post("/pose", content=PNG, params={"format": form})
        assert answer.status_code == 200
        assert answer.json()[{"native": "poses", "coco": "annotations", "openpose": "people"}[form]] == []
        files = [("images", PNG)] * 2
        results = client.post("/pose/batch", files=files, params={"format": form}).json()["results"]
        assert [result["problem"] for result in results] == [None, None]


def test_the_start_runs_the_detector_once_and_reads_heatmaps(spec, monkeypatch):
    detector, read = FixedDetector(), []
    call = Predictor.read
    monkeypatch.setattr(Predictor, "read", lambda *arguments: read.append(1) or call(*arguments))
    with serving(Reader(spec), detector):
        assert (detector.calls, len(read)) == (1, 1)


def test_the_models_inputs_count_as_pixels(spec):
    """A budget for two images with three people each: the second waits, where the first may find three people."""
    width, height = spec.input_wh
    each = SIZE[0] * SIZE[1] + 3 * width * height
    held = []

    async def use(service, runtime):
        runtime.gate.clear()
        tasks = [asyncio.create_task(service.answer(PNG, ONE)), asyncio.create_task(service.answer(PNG, PoseRequest()))]
        await asyncio.sleep(0.2)
        held.append(service._pixels.amount - service._pixels.free)
        runtime.gate.set()
        await asyncio.gather(*tasks)
        assert service._pixels.free == service._pixels.amount

    with_service(spec, use, pixel_budget=2 * each, max_pixels=each)
    assert held == [2 * SIZE[0] * SIZE[1] + (1 + 3) * width * height]


@pytest.mark.parametrize(("threshold", "count"), [(0.0, 1), (0.5, 1), (1.0, 0)])
def test_a_threshold_leaves_people_out(spec, threshold, count):
    async def use(service, runtime):
        result = await service.answer(PNG, PoseRequest(ONE.boxes, score_threshold=threshold))
        assert len(result.poses) == count

    with_service(spec, use)


@pytest.mark.parametrize(("module", "name"), [(image, "find_excess"), (Image, "open")])
def test_a_request_opens_and_checks_its_image_once(spec, monkeypatch, module, name):
    calls, call = [], getattr(module, name)

    def count(*arguments, **options):
        calls.append(arguments)
        return call(*arguments, **options)

    with serving(Reader(spec)) as client:
        monkeypatch.setattr(module, name, count)
        assert client.post("/pose", content=PNG).status_code == 200
    assert len(calls) == 1
