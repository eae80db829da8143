"""A control database restored from an older backup: noticed before it gives an id away twice, and completed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.errors import ConcordError
from store.control import GENESIS, BrokenChain, Control
from store.restored import ControlBehind, check_not_behind, complete
from tests.store.publish_world import World, runs

BACKUP = "backup.sqlite"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Two items and a decision were published after the backup; item 4 had become item 1 by then."""
    with Control.open(_url(tmp_path, "control.sqlite")) as control, World(tmp_path) as world:
        control.ledger.mint("item", [("erp", "A")])
        control.decide(who="kim", domain="item", kind="split", payload={"left": ["erp", "A"]}, reason="x")
        with sqlite3.connect(tmp_path / "control.sqlite") as live, sqlite3.connect(tmp_path / BACKUP) as copy:
            live.backup(copy)
        assert control.ledger.mint("item", [("erp", "B"), ("wms", "C"), ("wms", "D")]) == [2, 3, 4]
        control.ledger.redirect("item", 4, 1)
        control.decide(who="lee", domain="item", kind="split", payload={"left": ["erp", "B"]}, reason="ü")
        control.decide(who="kim", domain="item", kind="undo", payload={"undoes": 1}, reason="y", supersedes=1)
        world.item(1, "glove", "A")
        world.item(2, "gauze", "B")
        world.item(3, "mask", "C", source="wms")
        world.xref(1, "D", source="wms")
        _publish(world, control)
        yield tmp_path


def _url(home: Path, name: str) -> str:
    return f"sqlite:///{home / name}"


def _publish(world: World, control: Control) -> None:
    with world.publisher().prepare("run1") as candidate:
        list(candidate.build_all())
        candidate.seal()
        told = {"run": runs(), "decision": control.decision_table(), "golden_redirect": control.ledger.redirect_table()}
        candidate.add_ops(told, decision_head=GENESIS)
        candidate.publish()


def test_a_control_database_that_knows_all_that_was_published_is_whole(home: Path, tmp_path: Path) -> None:
    with Control.open(_url(home, "control.sqlite")) as control:
        check_not_behind(home, control)
        control.decide(who="kim", domain="item", kind="split", payload={"left": ["wms", "C"]}, reason="z")
        check_not_behind(home, control)
        check_not_behind(tmp_path / "elsewhere", control)
        assert (complete(home, control).decisions, complete(home, control).ids) == (0, 0)


def test_an_older_one_is_noticed_and_completed_from_what_was_published(home: Path) -> None:
    with Control.open(_url(home, "control.sqlite")) as control:
        made, seeds = control.decisions(include_superseded=True), control.ledger.seeds("item").to_pylist()
    with Control.open(_url(home, BACKUP)) as control:
        with pytest.raises(ControlBehind, match="decision 3 was published and is not in its chain") as error:
            check_not_behind(home, control)
        assert "concord steward recover" in str(error.value.hint)
        done = complete(home, control)
        assert (done.version, done.decisions, done.ids) == (1, 2, 3)
        assert control.decisions(include_superseded=True) == made
        assert control.verify_decisions() == 3
        assert control.ledger.seeds("item").to_pylist() == seeds
        assert control.ledger.redirects("item") == {4: 1}
        assert control.ledger.mint("item", [("erp", "E"), ("wms", "C")]) == [5, 3]
        assert control.ledger.knows("item", "wms", "D")
        check_not_behind(home, control)


def test_ids_alone_are_missed_too(home: Path) -> None:
    with Control.open(_url(home, BACKUP)) as control:
        control.append_published(1, _published_decisions(home))
        with pytest.raises(ControlBehind, match="item 3 was published and is not in its ledger"):
            check_not_behind(home, control)


def test_what_was_decided_after_the_restore_is_not_written_over(home: Path) -> None:
    with Control.open(_url(home, BACKUP)) as control:
        control.decide(who="kim", domain="item", kind="split", payload={"left": ["wms", "C"]}, reason="z")
        with pytest.raises(BrokenChain, match="decision 2 is another one than the decision 2 of version 1") as error:
            complete(home, control)
        assert "export --decisions" in str(error.value.hint)
        assert len(control.decisions()) == 2
        assert control.ledger.seeds("item").num_rows == 1


def test_an_id_that_was_given_away_twice_is_not_taken(home: Path) -> None:
    with Control.open(_url(home, BACKUP)) as control:
        control.ledger.mint("item", [("wms", "C")])
        with pytest.raises(ConcordError, match="item 2 was given to wms:C, which was published as item 3"):
            complete(home, control)
        assert control.ledger.last("item") == 2


def _published_decisions(home: Path) -> list[dict[str, object]]:
    with Control.open(_url(home, "control.sqlite")) as whole:
        rows: list[dict[str, object]] = whole.decision_table().to_pylist()
    return rows
