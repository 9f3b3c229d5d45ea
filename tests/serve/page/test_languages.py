"""The page's languages: every word comes from one table, which is whole in each of them."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.serve.page.test_film import film
from tests.support.bright_service import photo
from tests.support.page_browser import PHONE, encoded, give, upload

FOLDER = Path(__file__).parents[3] / "serve" / "page"
GAP = re.compile(r"\{(\w+)\}")


@pytest.fixture(scope="module")
def table(bright, browser):
    """{language: {key: words}}, as the page reads it."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(bright)
    yield page.evaluate(f"import('{bright}page/languages.js').then(table => table.LANGUAGES)")
    context.close()


def test_every_language_says_everything_with_the_same_gaps(table):
    assert [*table] == ["en", "de", "fr", "es", "zh"]
    for language, rows in table.items():
        assert [*rows] == [*table["en"]], language
        for key, words in rows.items():
            assert words.strip(), (language, key)
            # A number of things may say "no", or "one", in a word of its own.
            if not key.endswith((".none", ".one", ".unsure")):
                assert sorted(GAP.findall(words)) == sorted(GAP.findall(table["en"][key])), (language, key)
    different = [key for key in table["en"] if len({rows[key] for rows in table.values()}) == len(table)]
    assert len(different) > 0.8 * len(table["en"])


def test_every_row_is_used_and_every_key_has_a_row(table):
    sources = "".join(file.read_text("utf-8") for file in FOLDER.glob("*.*") if file.suffix in (".js", ".html"))
    sources = sources.replace((FOLDER / "languages.js").read_text("utf-8"), "")
    named = set(re.findall(r'data-words(?:-\w+)?="([\w.-]+)"', sources))
    assert named <= set(table["en"])
    made = r"(joint|problem|file|people|found)\.(\w+)(\.wrong)?"  # of a name, a status, a kind or a number
    for key in table["en"]:
        assert f'"{key}"' in sources or re.fullmatch(made, key) or key == "language", key


MARKED = """
const marked = (rows) => Object.fromEntries(Object.entries(rows).map(([key, words]) => [key, `⟦${words}⟧`]));
export const LANGUAGES = Object.fromEntries(Object.entries(TABLE).map(([code, rows]) => [code, marked(rows)]));
"""
OTHER = r"""[...document.querySelectorAll("body, body *:not(noscript, script)")].flatMap(element => [
    ...[...element.childNodes].filter(node => node.nodeType === Node.TEXT_NODE).map(node => node.data),
    ...["aria-label", "title", "alt", "placeholder"].map(name => element.getAttribute(name) ?? "")])
    .map(text => { let rest; do { rest = text; text = text.replace(/⟦[^⟦⟧]*⟧/g, ""); } while (text !== rest);
                   return text.trim(); })
    .filter(text => text && !/^[\d.,]+( ms)?$/.test(text))"""
# A name, an address, the model's name, and the service's own words.
ALLOWED = re.compile(r"UniPose|curl -F image=@photo\.jpg|http://[\d.:]+/pose|(unipose-s|bright) \S+|The image .*\.")


def test_nothing_is_said_that_is_not_in_the_table(table, bright, visit, tmp_path, figure):
    page = visit(bright, failing="the server responded with a status of", **PHONE)
    body = MARKED.replace("TABLE", json.dumps(table))
    page.route("**/page/languages.js", lambda route: route.fulfill(body=body, content_type="text/javascript"))
    page.reload()

    def check():
        assert [text for text in page.evaluate(OTHER) if not ALLOWED.fullmatch(text)] == []

    expect(page.get_by_text("bright 7")).to_be_visible()
    check()
    give(page, [upload("a.png", photo()), upload("b.png", encoded(figure))])
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    page.locator("#add-box").click()
    page.locator("#boxes g").wait_for()
    page.locator("#overlay circle[tabindex='0']").focus()
    check()
    page.locator("#copy-json").click()
    check()
    page.set_input_files("#file", upload("half.png", photo()[:300]))
    expect(page.get_by_role("alert")).not_to_be_empty()
    check()
    page.set_input_files("#file", film(tmp_path / "film.webm", seconds=1, rate=5, scale=1))
    page.locator("#film-save").wait_for()
    check()
    page.locator("#use-webcam").click()
    page.locator("#pace", has_text="ms").wait_for()
    check()
    page.route("**/pose?*", lambda route: route.fulfill(status=503, headers={"Retry-After": "9"}, body="{}"))
    page.locator("#take").click()
    page.locator("#retry").wait_for()
    check()


WELCOMES = {
    "de-AT": ("de", "Jedes Gelenk im Bild", "1 Person gefunden"),
    "fr-CA": ("fr", "Chaque articulation", "1 personne trouvée"),
    "es-MX": ("es", "Cada articulación", "1 persona encontrada"),
    "zh-TW": ("zh", "画面中的每一个关节", "找到 1 人"),
    "ja-JP": ("en", "Every joint in the picture", "1 person found"),
}


@pytest.mark.parametrize("locale", WELCOMES)
def test_the_browsers_language_is_spoken(bright, visit, locale, shoot):
    language, welcome, found = WELCOMES[locale]
    page = visit(bright, locale=locale, **PHONE)
    assert page.evaluate("document.documentElement.lang") == language
    expect(page.get_by_role("heading", name=welcome)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["viewport"]["width"]
    shoot(page, f"language-{language}")
    page.set_input_files("#file", upload("spot.png", photo()))
    expect(page.get_by_role("status")).to_contain_text(found)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["viewport"]["width"]


def test_another_language_can_be_chosen_with_a_photo_there_and_is_kept(bright, visit):
    page = visit(bright)
    give(page, upload("spot.png", photo()))
    page.get_by_label("Language").select_option("Deutsch")
    assert page.evaluate("document.documentElement.lang") == "de"
    expect(page.get_by_role("status")).to_contain_text("1 Person gefunden")
    expect(page.get_by_role("img", name="spot.png: 1 Person gefunden")).to_be_visible()
    expect(page.get_by_role("row", name="linkes Handgelenk")).to_be_visible()
    expect(page.get_by_role("img", name="linkes Handgelenk, Wert 1.00")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Sprache")).to_have_value("de")
    expect(page).to_have_title("UniPose: die Gelenke auf einem Foto")
