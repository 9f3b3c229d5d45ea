"""Tests of the web page are skipped where there is no browser."""

import pytest

from tests.support.page_browser import CHROMIUM, MISSING


def pytest_runtest_setup():
    """A hook, because pytest reports a skip by a mark or in a fixture once for every test."""
    if not CHROMIUM:
        pytest.skip(MISSING)
