"""README's and the documents' commands and Python, run in their order and with the same text, on small drawn files."""

import re

import pytest

from tests.support.documents import DOCUMENTS, ROOT, blocks, make_playground, steps

# Added to a command, by its beginning: trainings of seconds.
TINY = [
    "model.wasp_channels=16", "model.decoder_channels=16", "train.workers=0", "train.threads=1", "train.batch_size=8",
    "train.epochs=1",
]  # fmt: skip
SMALLER = {
    "unipose train model.kind=finder": ["model.input_wh=[64,64]", *TINY],
    "unipose train configs/finder.yaml": ["model.input_wh=[64,64]", *TINY],
    "unipose train": ["model.input_wh=[64,64]", *TINY],
    "unipose export": ["--force"],
    "unipose quantize": ["--count", "2"],
    "unipose bench photo": ["--people", "1"],
    "unipose bench train": [*TINY, "--batches", "1"],
    "python data/make_sample.py": ["--count", "20"],
}
# What is not run, and why. The first that fits counts.
NOT_RUN = {
    r"make (serve|test|docs)|pip install|python -m venv|source |sudo ": "installs, into an environment of its own",
    r"docker ": "needs Docker",
    r"unipose serve": "serves until it is stopped; another service answers the requests here",
    r"unipose video (0|rtsp:)": "needs a camera",
    r"git clone|.*https://|PYTHONPATH=\. mediapipe-venv|python -c \"import random": "needs a download",
    r"python data/(prepare|clean|pseudo)\w+\.py|.*yolox_s|.*fasterrcnn|.*jhmdb|.*cifar": "needs a download",
    r".*--address 10": "needs a cluster",
    r".*--device cuda": "needs an NVIDIA card",
    r".*(IMAGES|MODEL|FRAMES|\.\.\. six times|PHOTO\b)": "has a place to fill in",
    r".*data/clips|.*configs/clips|.*runs/(clips|window5|box_maps)|.*clips\.onnx": "needs a training of hours",
    r"unipose (study|bench infer)|python -c \"from pathlib": "takes minutes; tests/ run it in small",
    r"RAY_worker_niceness": "measures minutes of work",
}
PYTHON_NOT_RUN = {"clips.md": "needs a trained memory"}
SLOW = r"unipose (batch|models *(#|$)|train configs|train model|calibrate|bench|quantize|evaluate default)"


def why_not(kind, text, document):
    if kind == "python":
        return PYTHON_NOT_RUN.get(document.name)
    return next((why for pattern, why in NOT_RUN.items() if re.match(pattern, text)), None)


@pytest.fixture
def playground(tmp_path, monkeypatch, service):
    monkeypatch.chdir(tmp_path)
    made = make_playground(tmp_path, port=int(service.rstrip("/").rpartition(":")[2]))
    made.smaller = SMALLER
    return made


def run(playground, document, leave_out=None):
    done = 0
    for kind, text in steps(document):
        if why_not(kind, text, document) or (leave_out and re.match(leave_out, text)):
            continue
        playground.run(kind, text)
        done += 1
    return done


WITH_STEPS = [document for document in DOCUMENTS if any(not why_not(*step, document) for step in steps(document))]


@pytest.mark.parametrize("document", WITH_STEPS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_takes_seconds(playground, document):
    run(playground, document, SLOW)


@pytest.mark.slow
@pytest.mark.parametrize("document", WITH_STEPS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_everything(playground, document):
    assert run(playground, document)


def test_what_is_not_run_is_in_the_documents():
    texts = [text for document in DOCUMENTS for kind, text in steps(document) if kind == "shell"]
    for pattern in NOT_RUN:
        assert any(re.match(pattern, text) for text in texts), pattern
    for start in SMALLER:
        assert any(text.startswith(start) for text in texts), start
    for name in PYTHON_NOT_RUN:
        assert any(block.language == "python" for block in blocks(ROOT / "docs" / name)), name


def test_the_links_of_readme_lead_somewhere():
    found = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(found) > 20
    for link in found:
        assert (ROOT / link).exists() or "://" in link, link
