from pathlib import Path

import pytest

from serve.__main__ import main
from serve.process.worker import load_predictor
from serve.settings import Settings, read_settings
from unipose.inference.detectors.detector import THRESHOLDS
from unipose.inference.predictor import MAX_PEOPLE
from unipose.weights import default_model, named_model


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"UNIPOSE_{name.upper()}", raising=False)


def test_defaults():
    settings = read_settings([])
    assert (settings.host, settings.port, settings.model) == ("127.0.0.1", 8000, default_model())
    assert (settings.detector, settings.detector_threshold, settings.min_score) == ("finder", None, None)
    assert (settings.decoder, settings.max_people) == ("dark", MAX_PEOPLE)


def test_the_predictor_is_as_the_settings_say(monkeypatch, bright_model):
    monkeypatch.setenv("UNIPOSE_MIN_SCORE", "0.4")
    monkeypatch.setenv("UNIPOSE_DECODER", "quadratic")
    predictor = load_predictor(read_settings(["--model", str(bright_model), "--detector-threshold", "0.3"]))
    assert (predictor.min_score, predictor.decoder, predictor.detector.threshold) == (0.4, "quadratic", 0.3)
    predictor = load_predictor(Settings(min_score=None, decoder="dark", model=bright_model))
    assert (predictor.min_score, predictor.decoder) == (None, "dark")
    assert predictor.detector.threshold == THRESHOLDS["finder"]


def test_options_outrank_the_environment(monkeypatch):
    monkeypatch.setenv("UNIPOSE_PORT", "9000")
    monkeypatch.setenv("UNIPOSE_MAX_PEOPLE", "7")
    monkeypatch.setenv("UNIPOSE_ENGINE", "")  # as container files write "not set"
    settings = read_settings(["--port", "9001", "--flip", "true", "--model", "some.onnx"])
    assert (settings.port, settings.max_people, settings.engine) == (9001, 7, None)
    assert (settings.flip, settings.model) == (True, Path("some.onnx"))
    assert read_settings(["--model", "int8"]).model == named_model("int8")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("port", "65536", "less than or equal to 65535"),
        ("port", "http", "valid integer"),
        ("max_bytes", "0", "greater than or equal to 1"),
        ("max_batch", "1.5", "valid integer"),
        ("flip", "perhaps", "valid boolean"),
        ("engine", "tensorflow", "choose one of onnxruntime, openvino, torch"),
        ("detector", "yolo", "choose one of finder, whole"),
        ("precision", "fp8", "choose one of auto, fp32, bf16"),
        ("workers", "0", "greater than or equal to 1"),
        ("deadline_seconds", "0", "greater than 0"),
        ("detector_threshold", "1.5", "less than or equal to 1"),
        ("min_score", "-0.1", "greater than or equal to 0"),
        ("decoder", "best", "choose one of argmax, quadratic, dark"),
        ("client_rate", "-1", "greater than or equal to 0"),
        ("log_format", "xml", "'text' or 'json'"),
        ("log_level", "loud", "'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_a_bad_value_is_one_line_with_its_names_and_the_cure(monkeypatch, capsys, name, value, message):
    option = f"--{name.replace('_', '-')}"
    assert main([option, value]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {option} (UNIPOSE_{name.upper()}) is {value!r}: ")
    assert message in error
    assert error.count("\n") == 1
    monkeypatch.setenv(f"UNIPOSE_{name.upper()}", value)
    assert main([]) == 2
    assert capsys.readouterr().err == error


def test_several_bad_values_are_all_named():
    with pytest.raises(ValueError, match=r"--port.*--max-people"):
        read_settings(["--port", "-1", "--max-people", "none"])


def test_help_lists_every_setting(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    output = capsys.readouterr().out
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')}" in output
    assert "UNIPOSE_PORT" in output


def test_version(capsys):
    from unipose import __version__

    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"unipose {__version__}\n"


def test_lists_are_written_with_commas(monkeypatch):
    monkeypatch.setenv("UNIPOSE_CORS_ORIGINS", "https://a.example, https://b.example")
    settings = read_settings(["--api-keys", "0123456789abcdef,fedcba9876543210"])
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert [key.get_secret_value() for key in settings.api_keys] == ["0123456789abcdef", "fedcba9876543210"]


@pytest.mark.parametrize("keys", ["short", "0123456789abcdef,", "0123456789abcdef ghijk", "0123456789abcd\xe4f"])
def test_a_weak_key_is_refused_and_not_shown(monkeypatch, capsys, keys):
    monkeypatch.setenv("UNIPOSE_API_KEYS", keys)
    assert main([]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --api-keys (UNIPOSE_API_KEYS) is not shown: ")
    assert "openssl rand -hex 16" in error
    assert keys not in error


def test_keys_are_not_shown_by_the_settings_either():
    assert "0123456789abcdef" not in repr(read_settings(["--api-keys", "0123456789abcdef"]))


@pytest.mark.parametrize(("text", "wrong"), [("10.0.0.0/8,proxy", "proxy"), ("10.0.0.1/8", "10.0.0.1/8")])
def test_proxies_are_networks(capsys, text, wrong):
    assert [str(net) for net in read_settings(["--trusted-proxies", "10.0.0.0/8, ::1"]).trusted_proxies] == [
        "10.0.0.0/8", "::1/128",
    ]  # fmt: skip
    assert main(["--trusted-proxies", text]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: --trusted-proxies (UNIPOSE_TRUSTED_PROXIES) is {wrong!r}: ")
    assert error.count("\n") == 1
