"""What Dockerfile and compose.yaml promise and a reader of files can check; tests/container.sh builds and runs them."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
LINES = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text()).splitlines()


def stages() -> dict[str, list[str]]:
    """Each stage's instructions, after those of the stage it starts from."""
    found: dict[str, list[str]] = {}
    for line in LINES:
        if line.startswith("FROM "):
            _, parent, _, name = line.split()
            found[name] = list(found.get(parent, []))
        elif found and line and not line.startswith("#"):
            found[name].append(line)
    return found


def of(stage: list[str], instruction: str) -> list[str]:
    return [line.removeprefix(f"{instruction} ") for line in stage if line.startswith(f"{instruction} ")]


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_a_target_runs_without_root_or_shell(target):
    stage = stages()[target]
    assert not of(stage, "RUN")  # it starts from the base, and only copies
    assert all(part.isdecimal() and int(part) > 0 for part in of(stage, "USER")[-1].split(":"))
    [health] = of(stage, "HEALTHCHECK")
    assert json.loads(health.partition("CMD ")[2])[0] == "python"
    assert json.loads(of(stage, "ENTRYPOINT")[-1]) == ["python", "-m", "unipose.cli"]
    assert json.loads(of(stage, "CMD")[-1]) == ["serve"]


def test_cpu_is_the_default_and_has_no_torch():
    assert list(stages())[-1] == "cpu"
    assert "torch" not in " ".join(stages()["cpu-dependencies"])


def test_dependencies_come_locked_before_the_code_from_extras_that_exist():
    stage = stages()["gpu-dependencies"]
    assert of(stage, "COPY") == ["pyproject.toml requirements.lock ./"]
    installs = [line for line in of(stage, "RUN") if " install " in line]
    assert all("--constraint requirements.lock" in line for line in installs)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r"-r (\w+)\.txt", " ".join(installs))) <= {"core", *extras}


def test_what_is_copied_is_let_through():
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for copy in of(LINES, "COPY"):
        if not copy.startswith("--from"):
            assert {source.split("/")[0] for source in copy.split()[:-1]} <= allowed


def test_compose_names_the_targets_and_reserves_the_gpu():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert set(services) == {"cpu", "gpu"}
    for name, service in services.items():
        assert service["build"]["target"] == name and name in stages()
        assert service["read_only"] and service["tmpfs"] == ["/tmp"] and service["cap_drop"] == ["ALL"]
    assert "profiles" not in services["cpu"]
    [device] = services["gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
