"""Chromium, for tests of pages; those that need it are marked with `needs_chromium`."""

import shutil
import subprocess

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to open the page in")
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --virtual-time-budget=3000"
)


def dom(page, folder, *flags):
    """The page, given by its URL, as it is once its scripts have run; the browser keeps its profile in the folder."""
    command = [CHROMIUM, *_FLAGS.split(), *flags, f"--user-data-dir={folder / 'profile'}", "--dump-dom", page]
    return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
