"""benchmarks/gpu.sh prints its tables on a processor, and says in one line what it lacks."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "gpu.sh"


def run(**environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", str(SCRIPT)], env=os.environ | {"PYTHON": sys.executable} | environment, capture_output=True, text=True
    )


@pytest.mark.slow
def test_small_sizes_on_a_processor():
    done = run(UNIPOSE_DEVICE="cpu")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = ("matrix product bf16", "JPEG", "pictures to poses", "training, pictures on the device", "requests")
    assert all(row in done.stdout for row in rows)
    assert len(re.findall(r"^== ", done.stdout, re.MULTILINE)) == 2 and "not measured" not in done.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_in_one_line():
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: PyTorch sees no GPU here; UNIPOSE_DEVICE=cpu measures small sizes on the processor\n"


def test_what_is_missing_is_named_in_one_line(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'rich'\" >&2\nexit 1\n")
    python.chmod(0o755)
    done = run(PYTHON=str(python))
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "No module named 'rich': put wheels" in done.stderr
