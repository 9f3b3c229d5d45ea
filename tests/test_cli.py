import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from unipose import __version__, cli
from unipose.core.image import read_image
from unipose.datasets.synthetic.images import draw_sample
from unipose.weights import default_weights


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    draw_sample(folder, count=5, seed=4)
    return folder / "images"


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as done:
        cli.main([verb, "--help"])
    assert done.value.code == 0
    assert f"unipose {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "code", "out"), [([], 0, "predict"), (["--help"], 0, "export"), (["--version"], 0, __version__)]
)
def test_without_a_verb(argv, code, out, capsys):
    assert cli.main(argv) == code
    assert out in capsys.readouterr().out


def test_an_unknown_verb_names_the_right_ones(capsys):
    assert cli.main(["predikt"]) == 2
    assert "predict" in capsys.readouterr().err


def test_a_verb_is_a_module_too():
    run = subprocess.run([sys.executable, "-m", "unipose.predict", "--help"], capture_output=True, text=True)
    assert run.returncode == 0 and "usage: unipose predict" in run.stdout


@pytest.mark.parametrize(
    ("verb", "extra"), [("train", "train"), ("serve", "serve"), ("video", "video"), ("batch", "ray")]
)
def test_a_missing_extra_is_named(verb, extra, monkeypatch, capsys):
    def missing(name):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(cli, "import_module", missing)
    assert cli.main([verb]) == 2
    line = f"error: {verb} needs torch, which is not installed: pip install 'unipose[{extra}]'\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(
    ("package", "words", "line"),
    [
        ("onnxruntime", ["predict", "PHOTO", "--out", "OUT"], "this needs onnxruntime: pip install onnxruntime"),
        ("cv2", ["predict", "PHOTO"], "predict needs cv2: pip install opencv-python-headless"),
        (
            "torch",
            ["predict", "PHOTO", "--out", "OUT", "--model", default_weights()],
            "this needs torch: pip install 'unipose[torch]'",
        ),
        (
            "openvino",
            ["predict", "PHOTO", "--out", "OUT", "--engine", "openvino"],
            "this needs openvino: pip install 'unipose[openvino]'",
        ),
        ("lap", ["video", "PHOTO", "--json", "-"], "video needs lap: pip install 'unipose[video]'"),
        (
            "onnxscript",
            ["export", default_weights(), "OUT/m.onnx"],
            "this needs onnxscript: pip install 'unipose[train]'",
        ),
        ("pydantic_settings", ["serve"], "serve needs pydantic_settings: pip install 'unipose[serve]'"),
    ],
)
def test_without_a_package(photos, tmp_path, package, words, line):
    """As it is where the package was not installed, for Python's import."""
    command = [str({"PHOTO": next(photos.iterdir()), "OUT": tmp_path / "out"}.get(word, word)) for word in words]
    code = f"import sys; sys.modules[{package!r}] = None; from unipose import cli; sys.exit(cli.main({command}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, f"error: {line.replace(':', ', which is not installed:')}\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["unipose.train"], 2, "error: train needs PACKAGE, which is not installed: pip install 'unipose[train]'"),
        (["unipose.video"], 2, "error: video needs PACKAGE, which is not installed: pip install 'unipose[video]'"),
        (["serve"], 2, "error: serve needs PACKAGE, which is not installed: pip install 'unipose[serve]'"),
        (
            ["serve.loadtest.soak"],
            2,
            "error: serve needs PACKAGE, which is not installed: pip install 'unipose[serve]'",
        ),
        (["theirs", "unipose"], 1, "ModuleNotFoundError: no PACKAGE"),
    ],
)
def test_a_module_without_its_package(tmp_path, words, code, error):
    """Before anything of its own runs; what is wrong with another's program is not told in our way."""
    package = {"unipose.train": "torch", "unipose.video": "av"}.get(words[0], "prometheus_client")
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('no {package}', name={package!r})")
    (tmp_path / "theirs.py").write_text(f"import unipose, {package}")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, env=environment)
    assert done.returncode == code and done.stderr.endswith(error.replace("PACKAGE", package) + "\n")
    assert code == 1 or done.stderr.count("\n") == 1


def test_a_broken_library_is_told_as_it_says(capsys):
    def broken():
        raise ImportError("libGL.so.1: cannot open shared object file:\n  No such file or directory")

    assert cli.exit_status(broken) == cli.REFUSED
    assert capsys.readouterr().err == "error: libGL.so.1: cannot open shared object file: No such file or directory\n"


@pytest.mark.parametrize("command", [["predict", "foto.jpg"], ["train", "foto.jpg"]])
def test_a_missing_file_is_told_without_the_systems_number(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(command) != 0
    assert capsys.readouterr().err == "error: foto.jpg: No such file or directory\n"


def test_ctrl_c_is_one_line(capsys):
    def interrupted():
        raise KeyboardInterrupt

    assert cli.exit_status(interrupted) == cli.INTERRUPTED
    assert capsys.readouterr().err == "interrupted\n"


def faults(said):
    """What a command says, but how far it is, as it does on a busy machine."""
    return "".join(line for line in said.splitlines(keepends=True) if " so far" not in line)


def run(words, **streams):
    return subprocess.Popen([sys.executable, "-m", "unipose.cli", *map(str, words)], stderr=subprocess.PIPE, **streams)


COMMANDS = {
    "help": ["--help"],
    "models": ["models", "res2net_s"],
    "predict": ["predict", "PHOTOS", "--out", "OUT"],
    "video": ["video", "PHOTOS", "--json", "-"],
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("stdout", ["closed pipe", "full"])
def test_a_standard_output_that_takes_nothing(photos, tmp_path, name, stdout):
    """As after `| head`, and on a full disk; what has been written into files is whole."""
    words = [{"PHOTOS": photos, "OUT": tmp_path / "out"}.get(word, word) for word in COMMANDS[name]]
    if stdout == "full":
        with open("/dev/full", "wb") as full:
            process = run(words, stdout=full)
    else:
        reader, writer = os.pipe()
        os.close(reader)
        process = run(words, stdout=writer)
        os.close(writer)
    error = faults(process.communicate()[1].decode())
    code, why = (
        (2, "No space left on device") if stdout == "full" else (141, "nobody reads the standard output any more")
    )
    assert process.returncode == code, error
    assert error.startswith("error: ") and why in error and error.count("\n") == 1
    for path in (tmp_path / "out").glob("*.json"):
        json.loads(path.read_bytes())
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(photos, tmp_path, closed):
    """No file gets their places, and nothing is said into it."""
    words = [sys.executable, "-m", "unipose.cli", "predict", photos, photos / "none.jpg", "--out", tmp_path / "out"]
    done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and faults(done.stderr).count("\n") == ("2>" not in closed)
    assert len(list((tmp_path / "out").glob("*.json"))) == 5
    for photo in photos.iterdir():
        read_image(photo)


def test_a_training_is_interrupted_and_goes_on(photos, tmp_path):
    settings = [
        "model.input_wh=[64,64]", "model.wasp_channels=16", "model.decoder_channels=16", "train.threads=1",
        "train.batch_size=2", f"data.train=[{photos.parent}/train.json]", f"train.run={tmp_path}", "train.epochs=999",
    ]  # fmt: skip
    # Where the tests run in the background of a shell, children would ignore SIGINT.
    heeds = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = run(["train", *settings], start_new_session=True, preexec_fn=heeds, stdout=subprocess.DEVNULL)
    # After two epochs, which come once everything is imported: an import that is interrupted tells of that alone.
    log, deadline = tmp_path / "log.jsonl", time.monotonic() + 120
    while not (log.exists() and log.read_bytes().count(b"\n") >= 2) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # to its loaders, too, as the terminal does
    error = process.communicate()[1].decode()
    assert process.returncode != 0
    assert error == f"interrupted: {tmp_path}: --resume goes on after the last whole epoch\n"
    assert not list(tmp_path.glob("*.part"))
    epochs = len(log.read_text(encoding="utf-8").splitlines())
    again = run(["train", *settings[:-1], f"train.epochs={epochs + 1}", "--resume"], stdout=subprocess.DEVNULL)
    assert (again.communicate()[1], again.returncode) == (b"", 0)


def test_names_and_configurations_in_a_locale_that_is_not_utf_8(photos, tmp_path):
    """Names as bytes come out as they came in, whatever the locale or PYTHONIOENCODING says."""
    photo, config = tmp_path / "f\u00fc \u0444.jpg", tmp_path / "mine.yaml"
    photo.write_bytes(next(photos.iterdir()).read_bytes())
    config.write_text("# \u0444\nmodel: {trunk: \u0444}", encoding="utf-8")
    for more in ({}, {"PYTHONIOENCODING": "ascii:strict"}):
        environment = os.environ | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"} | more
        done = run(["predict", photo, "--out", tmp_path / "out"], env=environment, stdout=subprocess.PIPE)
        out, error = done.communicate()
        assert (done.returncode, error) == (0, b"") and os.fsencode(photo.stem) in out
        for word, message in ((config, b"error: no trunk '"), (f"train.run={tmp_path}/\u0444", b"ASCII names alone;")):
            refused = run(["train", word], env=environment)
            assert message in refused.communicate()[1] and refused.returncode == 2
    assert (tmp_path / "out" / f"{photo.stem}.pose.json").exists()


def test_the_first_process_of_a_container_stops_when_it_is_told(monkeypatch):
    handlers = {}
    monkeypatch.setattr(os, "getpid", lambda: 1)
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    cli.main([])
    with pytest.raises(SystemExit) as done:
        handlers[signal.SIGTERM]()
    assert done.value.code == 143


def test_an_error_is_one_line_whatever_it_names(capsys):
    def refuse():
        raise ValueError("a\nb.png is not\n  there")

    assert cli.exit_status(refuse) == cli.REFUSED
    assert capsys.readouterr().err == "error: a b.png is not there\n"


@pytest.mark.parametrize("text", ["\u00fc \u5de6", os.fsdecode(b"\xff\xfe")], ids=["names", "bytes that are no text"])
def test_what_is_printed_is_utf_8_in_every_locale(run_ascii, text):
    code = f"from unipose.cli import exit_status; exit_status(lambda: print({text!a}))"
    if text.isprintable():
        assert run_ascii("-c", code) == text + "\n"
    fails = f"import sys; from unipose.cli import exit_status; sys.exit(exit_status(lambda: int({text!a})))"
    assert "error: invalid literal" in run_ascii("-c", fails, returncode=2)
