"""Homes that several test files look at: each is synced once in a run of the tests, whichever process needs it first.

Tests only read them; who changes something works on a copy (`harness.copy_of`).
"""

from __future__ import annotations

import csv
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.harness import Home
from tests.small_network.generate import generate
from tests.small_network.identifiers import with_gs1_check_digit

HOSPITAL_AND_ERP = """
network: small
description: one hospital and the ERP, for crash tests
timezone: America/New_York
sources:
  legacy_erp: {system: legacy_erp, url: "home:sample/legacy_erp.sqlite", timezone: America/New_York}
  north_inventory: {system: inventory, location: "home:sample/north_inventory", timezone: America/New_York}
"""


def small_home(folder: Path) -> Home:
    """A home on one hospital and the ERP of the small network, with its extracts, nothing synced."""
    network = folder / "small.yml"
    network.parent.mkdir(parents=True, exist_ok=True)
    network.write_text(HOSPITAL_AND_ERP, "utf-8")
    generate(folder / "home" / "sample")
    return Home(folder / "home", network=str(network))


def whole_home(folder: Path) -> Home:
    """A home on the whole small network; the warehouse has an item with an item's number and a GTIN of its own."""
    home = Home(folder / "home")
    generate(home.path / "sample")
    items = home.path / "sample" / "warehouse" / "items_20260105.csv"
    stored = list(csv.DictReader(items.open(encoding="utf-8", newline="")))
    north = home.path / "sample" / "north_inventory" / "items_20260105.csv"
    elsewhere = {row["network_item_no"] for row in csv.DictReader(north.open(encoding="utf-8", newline=""))}
    number = min(elsewhere - {"", *(row["network_item_no"] for row in stored)})
    with items.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow(
            ["ODD", "Odd one", "EA", with_gs1_check_digit("0099999999999"), number]
        )
    return home


def synced_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Home]) -> Home:
    """The home that `make` lays out in a folder, synced; one for all processes of this run of the tests."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, noted = base / name, base / f"{name}.network"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not noted.exists():
            shutil.rmtree(folder, ignore_errors=True)
            home = make(folder)
            home.sync()
            noted.write_text(home.network, "utf-8")
    return Home(folder / "home", noted.read_text("utf-8"))


@pytest.fixture(scope="session")
def small_synced(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """`small_home` after one sync. Tests only read it."""
    return synced_once(tmp_path_factory, "small_synced", small_home)


@pytest.fixture(scope="session")
def whole_synced(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """`whole_home` after one sync. Tests only read it."""
    return synced_once(tmp_path_factory, "whole_synced", whole_home)
