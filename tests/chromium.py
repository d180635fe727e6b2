"""Chromium as it is installed on this system, for what is seen in a browser."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""What lets it run in a container and keeps it from asking anybody but the page's own server."""


def program() -> str:
    """Return the path of Chromium; a test that needs it fails where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.fail("There is no Chromium: install the system package chromium.")
    return found


def launch(playwright: Playwright, *more: str) -> Browser:
    """Start Chromium without a window, with more flags if need be; the caller closes it."""
    return playwright.chromium.launch(executable_path=program(), args=[*FLAGS, *more], headless=True)
