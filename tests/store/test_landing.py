"""Landing: deliveries whole or absent, known by their content, whatever they are called."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import ConfigurationError, TransientSourceError
from connectors.interface import Batch, Delivery, FeedState, Offer, Pulled
from store import landing as landing_module
from store.landing import FeedBusy, Landing, LandingCorrupt, delivery_id
from tests.store.fakes import Sent, contract, day, land

ROWS = [{"id": "a", "qty": 1}]


class Bytes:
    """Hands over bytes as they are."""

    def __init__(self, data: bytes | None, **pulled: Any) -> None:
        self.data = data
        self.pulled: dict[str, Any] = {"kind": "snapshot"} | pulled

    def discover(self, state: FeedState, *, sweep: bool) -> Iterator[Offer]:
        yield offer()

    def pull(self, offer: Offer, state: FeedState, target: Path) -> Pulled | None:
        if self.data is None:
            return None
        target.write_bytes(self.data)
        return Pulled(**self.pulled)

    def read(self, delivery: Delivery) -> Iterator[Batch]:
        raise NotImplementedError


def offer(name: str = "stock.csv", fingerprint: str | None = "f1") -> Offer:
    return Offer("erp", "stock", name, "snapshot", fingerprint=fingerprint)


def pull(landing: Landing, data: bytes | None, one: Offer | None = None, **pulled: Any) -> Any:
    return landing.pull(Bytes(data, **pulled), one or offer(), FeedState())


def files(landing: Landing) -> list[str]:
    return sorted(str(path.relative_to(landing.root)) for path in landing.root.rglob("*") if path.is_file())


def test_a_delivery_is_landed_whole(landing: Landing) -> None:
    told = {"as_of": day(1), "rows_declared": 1, "control_totals": {"qty": "1"}, "key_range": ("1", None)}
    told |= {"cursor_lo": "a", "cursor_hi": "b", "range_checksums": {"0..9": "1:2"}, "notices": ("odd",)}
    landed = pull(landing, b"id\n1\n", **told)
    delivery = landed.delivery
    assert (landed.outcome, delivery.path.read_bytes(), delivery.bytes) == ("new", b"id\n1\n", 5)
    assert landing.deliveries("erp", "stock") == [delivery]
    assert landing.find(delivery.delivery_id) == delivery
    assert {name: getattr(delivery, name) for name in told} == told
    folder = f"erp/stock/{delivery.delivery_id}"
    kept = [f"{folder}/{name}" for name in ("data.csv", "manifest.json", "sightings.jsonl")]
    assert files(landing) == ["erp/stock/.lock", *kept, "erp/stock/seen.jsonl"]
    assert landing.feeds() == [("erp", "stock")]
    landing.verify(delivery)


def test_the_id_is_the_same_in_every_home(tmp_path: Path) -> None:
    homes = [Landing(tmp_path / name) for name in "ab"]
    ids = {
        pull(home, b"x", offer(name), as_of=day(1)).delivery.delivery_id for home, name in zip(homes, "pq", strict=True)
    }
    assert len(ids) == 1
    assert pull(homes[0], b"x", as_of=day(2)).delivery.delivery_id not in ids
    assert delivery_id("erp.stock", "ab", day(1)) == delivery_id("erp.stock", "ab", day(1))
    assert delivery_id("erp.stock", "ab", day(1)) != delivery_id("erp.other", "ab", day(1))


def test_the_same_content_under_another_name_is_a_duplicate(landing: Landing) -> None:
    first = pull(landing, b"x", offer("one.csv", "f1"))
    again = pull(landing, b"x", offer("two.csv", "f2"))
    assert (again.outcome, again.delivery) == ("duplicate", first.delivery)
    assert [sighting["name"] for sighting in landing.sightings(first.delivery)] == ["one.csv", "two.csv"]
    assert landing.seen("erp", "stock") == dict.fromkeys(("f1", "f2"), first.delivery.delivery_id)
    assert len(landing.deliveries("erp", "stock")) == 1


def test_the_same_content_of_another_time_is_another_delivery(landing: Landing) -> None:
    for number in (3, 1, 2):
        assert pull(landing, b"x", offer(fingerprint=str(number)), as_of=day(number)).outcome == "new"
    assert [delivery.as_of for delivery in landing.deliveries("erp", "stock")] == [day(1), day(2), day(3)]


def test_a_live_source_that_has_not_changed_lands_nothing(landing: Landing) -> None:
    live = offer(fingerprint=None)
    assert pull(landing, b"x", live, as_of=day(1)).outcome == "new"
    assert pull(landing, b"x", live, as_of=day(2)).outcome == "duplicate"
    assert pull(landing, b"x", live, as_of=day(3), kind="range", key_range=("1", "2")).outcome == "new"
    assert pull(landing, b"y", live, as_of=day(4)).outcome == "new"
    assert pull(landing, b"x", live, as_of=day(5)).outcome == "new"
    assert landing.seen("erp", "stock") == {}


def test_nothing_new_leaves_nothing(landing: Landing) -> None:
    assert pull(landing, None).outcome == "nothing"
    assert files(landing) == ["erp/stock/.lock"]


def test_a_failed_pull_leaves_nothing(landing: Landing) -> None:
    class Broken(Bytes):
        def pull(self, offer: Offer, state: FeedState, target: Path) -> Pulled | None:
            target.write_bytes(b"half")
            raise TransientSourceError("the line went down")

    with pytest.raises(TransientSourceError, match="line went down"):
        landing.pull(Broken(b""), offer(), FeedState())
    assert files(landing) == ["erp/stock/.lock"]


def test_a_full_disk_is_a_transient_error_and_leaves_nothing(landing: Landing) -> None:
    class Full(Bytes):
        def pull(self, offer: Offer, state: FeedState, target: Path) -> Pulled | None:
            with Path("/dev/full").open("wb") as file:
                file.write(b"x")
            return None

    with pytest.raises(TransientSourceError, match="No space left") as caught:
        landing.pull(Full(b""), offer(), FeedState())
    assert caught.value.retryable
    assert files(landing) == ["erp/stock/.lock"]


HOSTILE = [
    *("../../../etc/passwd", "/etc/passwd", "a\nb\r.csv", "a\0b", "nul\udcff.csv", "x" * 5000),
    *("", "..", "ä€\u202e.csv", "'; DROP TABLE x; --.csv"),
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_data(landing: Landing, name: str) -> None:
    landed = pull(landing, b"x", offer(name))
    folder = landing.root / "erp" / "stock"
    assert landed.delivery.path.parent.parent == folder
    assert {path.parent for path in landing.root.rglob("*") if path.is_file()} <= {folder, landed.delivery.path.parent}
    assert landing.deliveries("erp", "stock") == [landed.delivery]
    assert "\0" not in landed.delivery.name
    landed.delivery.name.encode("utf-8")
    if name.isprintable() and name.isascii():
        assert landed.delivery.name == name


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(), max_size=20))
def test_any_name_reads_back(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    landing = Landing(tmp_path_factory.mktemp("landing"))
    landed = pull(landing, b"x", offer(name))
    (found,) = landing.deliveries("erp", "stock")
    assert found == landed.delivery


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.CSV", b"x", "data.csv"),
        ("a.exe", b"x", "data.bin"),
        ("a", b"PAR1..", "data.parquet"),
        ("a.edi", b"ISA", "data.edi"),
    ],
)
def test_the_extension_is_one_of_ours(landing: Landing, name: str, data: bytes, expected: str) -> None:
    assert pull(landing, data, offer(name)).delivery.path.name == expected


@pytest.mark.parametrize("name", ["../x", "a/b", "A", "", "a.b", "a\n"])
def test_a_feed_is_never_a_path(landing: Landing, name: str) -> None:
    with pytest.raises(ConfigurationError):
        landing.deliveries("erp", name)
    assert landing.find(name) is None


def test_rotten_bytes_are_found(landing: Landing) -> None:
    delivery = pull(landing, b"abc").delivery
    delivery.path.write_bytes(b"abd")
    with pytest.raises(LandingCorrupt, match="has changed"):
        landing.verify(delivery)
    delivery.path.unlink()
    with pytest.raises(LandingCorrupt, match="unreadable"):
        landing.verify(delivery)


def test_a_broken_manifest_is_named(landing: Landing) -> None:
    delivery = pull(landing, b"abc").delivery
    manifest = delivery.path.parent / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    with pytest.raises(LandingCorrupt, match=r"manifest\.json"):
        landing.deliveries("erp", "stock")


def test_what_was_seen_may_be_lost_or_torn(landing: Landing) -> None:
    delivery = pull(landing, b"abc").delivery
    seen = landing.root / "erp" / "stock" / "seen.jsonl"
    seen.write_bytes(seen.read_bytes() + b'{"fingerprint": "f2", "deliv')
    assert landing.seen("erp", "stock") == {"f1": delivery.delivery_id}
    assert pull(landing, b"abc", offer(fingerprint="f3")).outcome == "duplicate"
    assert landing.seen("erp", "stock") == dict.fromkeys(("f1", "f3"), delivery.delivery_id)
    seen.unlink()
    assert landing.seen("erp", "stock") == {}


def test_what_was_seen_of_a_delivery_that_is_gone_is_forgotten(landing: Landing) -> None:
    import shutil

    shutil.rmtree(pull(landing, b"abc").delivery.path.parent)
    assert landing.seen("erp", "stock") == {}
    assert pull(landing, b"abc").outcome == "new"


def test_leftovers_of_a_crash_are_removed_by_the_next_pull(landing: Landing) -> None:
    leftover = landing.root / "erp" / "stock" / ".incoming" / "dead"
    leftover.mkdir(parents=True)
    (leftover / "data").write_bytes(b"half")
    assert landing.deliveries("erp", "stock") == []
    pull(landing, b"abc")
    assert not leftover.exists()


def test_one_pull_per_feed_at_a_time(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing_module, "_LOCK_WAIT_SECONDS", 0.2)
    begun, finish = threading.Event(), threading.Event()

    class Slow(Bytes):
        def pull(self, offer: Offer, state: FeedState, target: Path) -> Pulled | None:
            begun.set()
            finish.wait(10)
            return super().pull(offer, state, target)

    slow = threading.Thread(target=lambda: landing.pull(Slow(b"slow"), offer(), FeedState()))
    slow.start()
    assert begun.wait(10)
    with pytest.raises(FeedBusy):
        pull(landing, b"quick")
    finish.set()
    slow.join()
    assert pull(landing, b"quick").outcome == "new"
    assert len(landing.deliveries("erp", "stock")) == 2


def test_the_time_of_landing_is_the_as_of_where_there_is_no_other(landing: Landing) -> None:
    delivery = land(landing, contract(), Sent(ROWS)).delivery
    assert delivery is not None
    assert delivery.as_of == delivery.landed_ts
    assert delivery.as_of.utcoffset() == timedelta(0)
    manifest = json.loads((delivery.path.parent / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["as_of_known"], manifest["name"]) == (False, "stock.csv")
