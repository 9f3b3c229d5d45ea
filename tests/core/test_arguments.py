from fractions import Fraction
from math import isnan

import pytest

from unipose.core.arguments import Parser


def parser():
    parser = Parser(prog="unipose verb")
    parser.add_argument("--count", type=int)
    parser.add_argument("--share", type=float)
    parser.add_argument("--rate", type=Fraction)
    parser.add_argument("--kind", choices=("a", "b"))
    return parser


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("count", "-3", -3), ("share", "1e-2", 0.01), ("rate", "30000/1001", Fraction(30_000, 1001)),
        ("rate", "29.97", Fraction("29.97")), ("rate", "-5", -5),
    ],
)  # fmt: skip
def test_numbers_are_read(option, text, value):
    assert vars(parser().parse_args([f"--{option}", text]))[option] == value
    assert isnan(parser().parse_args(["--share", "nan"]).share)  # whether it is accepted, others say


@pytest.mark.parametrize("text", ["abc", "1/0", "0/0", "1/x", "1,5", "0x10", "/", "1//2"])
@pytest.mark.parametrize(
    ("option", "wanted"),
    [("count", "a whole number"), ("share", "a number"), ("rate", "a number as 25, 29.97 or 30000/1001")],
)
def test_what_is_no_number_is_told_what_would_be(option, wanted, text, capsys):
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([f"--{option}", text])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"error: argument --{option}: {wanted} is wanted, got {text}; unipose verb --help says more\n"
    )


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--kind", ""], "--kind"), (["--kind="], "--kind"), (["--count", "3", "--share", ""], "--share"),
        ([""], "an argument"), (["x.jpg", "--count", "3", "x.jpg", ""], "an argument"),
    ],
)  # fmt: skip
def test_an_argument_is_not_empty(words, what, capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(words)
    assert capsys.readouterr().err == f"error: {what} is empty; unipose verb --help says more\n"


@pytest.mark.parametrize("text", ["1e999999999", "-1e999999999", "inf", "nan", "1e999999999/3"])
def test_a_fraction_is_a_number_that_can_be(text, capsys):
    with pytest.raises(SystemExit):
        parser().parse_args([f"--rate={text}"])
    assert f"is wanted, got {text};" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--count"], ["--nosuch"], ["--kind", "c"], ["more"]])
def test_other_errors_are_a_line(arguments, capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(arguments)
    error = capsys.readouterr().err
    assert (
        error.startswith("error: ") and error.endswith("; unipose verb --help says more\n") and error.count("\n") == 1
    )
