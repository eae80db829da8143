"""Fixtures shared by every room's tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = ["tests.postgres"]

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real inputs that nobody on the project wrote; the test is skipped, saying so, where it is missing."""
    folder = Path(os.environ.get("CONCORD_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("real inputs not found: set CONCORD_REAL_DATA to their folder")
    return folder
