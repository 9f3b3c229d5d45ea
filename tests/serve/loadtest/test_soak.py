import asyncio
import csv
import os
import re
import signal
from collections import Counter

import pytest

from serve.loadtest.memory_curve import Sample, is_curve, memory_growth, sparkline, write_csv
from serve.loadtest.scenarios import Scenario
from serve.loadtest.service_process import Usage, running
from serve.loadtest.soak import main, soak
from serve.loadtest.soak_report import SoakReport
from tests.support.bright_service import write_model

SOON = ["--body-seconds", "0.5", "--header-seconds", "0.5", "--max-bytes", "400000", "--threads", "1"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "bright.onnx"
    write_model(path)
    return path


def test_the_service_stays_sound(model, tmp_path, capsys):
    table = tmp_path / "usage.csv"
    code = main(["--minutes", "0.04", "--clients", "12", "--csv", str(table), "--model", str(model), *SOON])
    out = capsys.readouterr().out
    assert code == 0, out
    assert re.search(r"^sound: \d+ clients", out, re.M)
    outcomes = dict(re.findall(r"^(\w[\w ]+?)  +\d+ x (\w+)$", out, re.M))
    assert outcomes == {
        "bad boxes": "422", "batch": "200", "boxes": "200", "chunks": "413", "damaged": "422", "empty": "422",
        "form": "200", "leaves early": "left", "leaves late": "left", "many bytes": "413", "many pixels": "413",
        "metrics": "200", "no address": "404", "no image": "415", "several photos": "200", "silent": "closed",
        "slow": "200", "stream": "streamed", "too slow": "408",
    }  # fmt: skip
    numbers = r" [▁▂▃▄▅▆▇█]+  first (\d+), least (\d+), most (\d+), last (\d+)"
    for name in ("memory, MB", "open files", "threads"):
        first, least, most, last = map(int, re.search(name + " +" + numbers, out).groups())
        assert 0 < least <= first <= most and least <= last <= most
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert float(rows[0]["rss_mb"]) > 20
    assert len(rows) > 10


def test_a_csv_of_somebody_elses_stays(tmp_path, capsys):
    table = tmp_path / "usage.csv"
    table.write_text("name,money\n")
    assert main(["--minutes", "0.01", "--csv", str(table)]) == 2
    assert "usage.csv exists, and UniPose did not make it" in capsys.readouterr().err
    assert table.read_text() == "name,money\n"
    write_csv(table, [])
    assert is_curve(table)  # which may be replaced


def test_a_death_is_a_fault(model):
    async def use(process):
        asyncio.get_running_loop().call_later(0.5, os.kill, process.pid, signal.SIGKILL)
        return await soak(process, seconds=60, clients=3)

    with running(["--model", str(model), *SOON]) as process:
        report = asyncio.run(use(process))
    assert "it is not there at the end" in report.faults[-1]
    assert any(outcome == "lost" for _, outcome in report.outcomes)
    assert any(" x lost, not " in fault for fault in report.faults)
    assert "fault: " in "\n".join(report.lines())


def test_an_unexpected_outcome_is_a_fault():
    async def run(_):
        return "200"

    report = SoakReport(outcomes=Counter({("photo", "200"): 7, ("photo", "429"): 2, ("photo", "500"): 1}))
    report.find_faults({"photo": Scenario(run, "200")})
    assert report.faults == ["photo: 1 x 500, not 200"]


def samples(rss, every=6.0):
    return [Sample(i * every, Usage(megabytes, 500, 17, 9)) for i, megabytes in enumerate(rss)]


@pytest.mark.parametrize(
    ("rss", "found"),
    [
        ([100, 180, *[200] * 8, 260, *[200] * 9], None),  # a warm start, and a peak in between
        ([200] * 12 + [249] * 8, None),  # less than 50 MB
        ([1000] * 12 + [1140] * 8, None),  # less than 15 %
        ([200] * 8 + [300] * 12, (200, 300)),
        (range(100, 500, 20), (210, 450)),
    ],
)
def test_growth_is_from_the_second_fifth_to_the_last(rss, found):
    assert memory_growth(samples(rss)) == pytest.approx(found) if found else memory_growth(samples(rss)) is None
    assert memory_growth(samples(rss, every=0.1)) is None  # too short to tell


def test_a_sparkline_is_one_line():
    assert sparkline("memory", [1, 8, 4.4, 1]) == "memory      ▁█▄▁  first 1, least 1, most 8, last 1"
    assert sparkline("flat", [5] * 3) == "flat        ▁▁▁  first 5, least 5, most 5, last 5"
    assert len(sparkline("long", range(1000))) < 120


@pytest.mark.parametrize(
    "options", [["--clients", "0"], ["--clients", "257"], ["--minutes", "0"], ["--minutes", "nan"]]
)
def test_the_soak_is_bounded(options, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(options)
    assert "error: argument" in capsys.readouterr().err


def test_other_machines_are_left_alone(capsys):
    assert main(["--host", "::"]) == 2
    assert capsys.readouterr().err == "error: --host is '::': only 127.0.0.1 is put under load\n"


@pytest.mark.slow
def test_two_workers_and_the_default_model_stay_sound(capsys):
    assert main(["--minutes", "1.5", "--workers", "2"]) == 0, capsys.readouterr().out
