import pytest
import split_set

from unipose.datasets.records import read_records
from unipose.datasets.synthetic.images import draw_sample


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return draw_sample(tmp_path_factory.mktemp("drawn"), count=20, seed=0, figures=(1, 2, 0))[0]


def split(whole, out, *more):
    return split_set.main([str(whole), "--out", str(out), *more])


def test_the_parts_are_the_set(whole, tmp_path):
    part, rest = tmp_path / "new" / "part.json", tmp_path / "rest.json"
    assert split(whole, part, "--share", "0.25", "--rest", str(rest)) == 0
    everything, taken, left = map(read_records, (whole, part, rest))
    assert len(taken.images) == round(len(everything.images) / 4)
    assert sorted([*taken.images, *left.images]) == sorted(everything.images)
    assert all(path.is_file() for path in (*taken.images.values(), *left.images.values()))
    assert sorted(record.id for record in (*taken.records, *left.records)) == sorted(
        record.id for record in everything.records
    )


def test_shares_grow_and_depend_on_the_seed(whole, tmp_path):
    def images(share, seed):
        out = tmp_path / f"{share}-{seed}.json"
        assert split(whole, out, "--share", share, "--seed", seed) == 0
        return set(read_records(out).images)

    assert images("0.25", "3") < images("0.5", "3") < images("1", "3") == set(read_records(whole).images)
    assert images("0.25", "4") != images("0.25", "3")


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--share", "0"], "--share"),
        (["--share", "1.5"], "--share"),
        (["--share", "0.001"], "leaves a part empty"),
        (["--share", "1", "--rest", "rest.json"], "leaves a part empty"),
        (["--share", "0.5", "--seed", "-1"], "--seed"),
        (["--share", "0.5", "--rest", "part.json"], "are one file"),
    ],
)
def test_a_split_that_cannot_be(whole, tmp_path, monkeypatch, capsys, more, why):
    monkeypatch.chdir(tmp_path)
    assert split(whole, "part.json", *more) == 2
    assert why in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_no_input_is_replaced(whole, tmp_path, capsys):
    before = whole.read_bytes()
    assert split(whole, whole, "--share", "0.5", "--force") == 2
    assert whole.read_bytes() == before
