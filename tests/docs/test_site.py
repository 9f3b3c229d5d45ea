"""The documents as a site: built without a warning, and nothing in it is loaded from another host."""

import re
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.support.documents import ROOT

if not all(find_spec(name) for name in ("furo", "myst_parser", "sphinx")):
    pytest.skip("needs pip install '.[docs]'", allow_module_level=True)
LOADED = re.compile(r"""(?:<script[^>]*\ssrc=|<link[^>]*\shref=|<img[^>]*\ssrc=|@import\s+|url\()["']?(?:https?:)?//""")


def build(source, out):
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", str(source), str(out)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    done = build(ROOT / "docs", out)
    assert done.returncode == 0, done.stderr
    return out


def test_every_document_is_a_page(site):
    for document in (ROOT / "docs").glob("*.md"):
        assert (site / f"{document.stem}.html").is_file()
    assert "COCO-keypoint JSON" in (site / "data.html").read_text(encoding="utf-8")


def test_nothing_is_loaded_from_another_host(site):
    files = [file for file in site.rglob("*") if file.suffix in (".html", ".css")]
    assert len(files) > 20
    for file in files:
        found = LOADED.search(file.read_text(encoding="utf-8"))
        assert found is None, f"{file.name}: {found[0]}"


def test_a_link_to_nowhere_is_refused(tmp_path):
    source = tmp_path / "docs"
    source.mkdir()
    (source / "conf.py").write_bytes((ROOT / "docs" / "conf.py").read_bytes())
    (source / "index.md").write_text("# Title\n[gone](gone.md) ![gone](gone.png)\n")
    done = build(source, tmp_path / "out")
    assert done.returncode and "gone.md" in done.stderr and "gone.png" in done.stderr
