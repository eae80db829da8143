"""Fixtures of the store's tests: an empty landing folder and an open working database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.landing import Landing
from store.working import Working


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path / "landing")


@pytest.fixture
def working(tmp_path: Path) -> Iterator[Working]:
    with Working.open(tmp_path / "working.duckdb", threads=2) as opened:
        yield opened
