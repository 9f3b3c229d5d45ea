"""The documentation as a site, for Sphinx: `make docs` builds it, and nothing in it is loaded from elsewhere."""

import re
from pathlib import Path

project = "UniPose"
extensions = ["myst_parser"]
exclude_patterns = ["peers", "figures", "**.ipynb"]
myst_heading_anchors = 3
highlight_language = "text"  # of blocks that name none
html_theme = "furo"
html_title = "UniPose"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_show_copyright = html_show_sphinx = False
html_copy_source = False

ROOT = Path(__file__).parents[1]
SHOWN = {"data": "data/README.md", "contributing": "CONTRIBUTING.md"}  # pages that are files from outside docs/


def _read(app, page, source):
    """A page of SHOWN shows its file, and links to those files lead to their pages."""
    text = (ROOT / SHOWN[page]).read_text(encoding="utf-8") if page in SHOWN else source[0]
    for name, file in SHOWN.items():
        text = re.sub(rf"\]\((\.\./)*{re.escape(file)}(#[\w-]+)?\)", rf"]({name}.md\2)", text)
    source[0] = re.sub(r"\]\(\.\./README\.md\)", "](index.md)", text)


def setup(app):
    app.connect("source-read", _read)
