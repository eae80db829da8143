"""An older backup of the control database is restored: nothing is given another thing's id, no decision is lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.end_to_end.harness import Home
from tests.small_network.identifiers import with_gs1_check_digit

IDS = "SELECT source_system, source_key, item_sk FROM conformed.bridge_item_xref ORDER BY ALL"


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_an_older_backup_is_refused_until_it_is_completed(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", env={"CONCORD_WHO": "kim"})
    home.sync()
    _copy(home.path / "control.sqlite", tmp_path / "backup.sqlite")
    _new_item(home, "20260301", "NEW-1", "Odd one", "0099999999999")
    name = ("override", "supplier", "legacy_erp:V1001", "legal_name", "Acme", "--reason", "letterhead")
    home.run("steward", *name)
    home.sync()
    before, ids = home.content_hash, home.query(IDS)

    for left in home.path.glob("control.sqlite*"):
        left.unlink()
    _copy(tmp_path / "backup.sqlite", home.path / "control.sqlite")
    _new_item(home, "20260302", "NEW-2", "Other thing", "0088888888888")
    for words in (("sync",), ("steward", *name), ("steward", "undo", "1", "--reason", "x")):
        done = home.run(*words, check=1)
        assert "the control database is older than version 2" in done.stderr + done.stdout, words
    assert home.content_hash == before
    assert "the sync failed: the control database is older than version 2" in _alerts(home)

    assert "1 decisions and 1 golden ids taken from version 2" in home.run("steward", "recover").stdout
    assert "nothing to do: version 2 is current" in home.run("rebuild").stdout
    home.sync()
    assert "the control database is older" not in _alerts(home)
    now = home.query(IDS)
    assert set(ids) < set(now)
    [(source, key, sk)] = set(now) - set(ids)
    assert (source, key) == ("warehouse", "NEW-2")
    assert sk not in {row[2] for row in ids}
    assert home.one("SELECT reason FROM ops.decision") == "letterhead"


def _alerts(home: Home) -> str:
    """The open alerts as one line of words, wherever the terminal broke them."""
    return " ".join(home.run("alerts", "list").stdout.split())


def _copy(database: Path, to: Path) -> None:
    with sqlite3.connect(database) as live, sqlite3.connect(to) as copy:
        live.backup(copy)


def _new_item(home: Home, day: str, key: str, description: str, digits: str) -> None:
    """The warehouse lists one item more."""
    last = max((home.path / "sample" / "warehouse").glob("items_*.csv"))
    line = f"{key},{description},EA,{with_gs1_check_digit(digits)},\n"
    last.with_name(f"items_{day}.csv").write_text(last.read_text("utf-8") + line, "utf-8")
