"""Finding and copying files: finished ones only, of the folder only, whole."""

from __future__ import annotations

import os
import socket
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import ConcordError, ConfigurationError, PermanentSourceError, TransientSourceError
from connectors.files import FileSource
from connectors.interface import FeedState, Offer
from tests.connectors.csv_files import contract

DATED = {"origin": "name", "pattern": "_(?P<as_of>[0-9]{8})", "format": "%Y%m%d", "timezone": "America/New_York"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "in"
    inside.mkdir()
    return inside


def _source(folder: Path, **given: Any) -> FileSource:
    transport = {"kind": "file", "path": "*.csv", **given.pop("transport", {})}
    return FileSource(folder, contract(transport=transport, **given), "lab")


def _names(source: FileSource, state: FeedState | None = None) -> list[str]:
    return [offer.name for offer in source.discover(state or FeedState())]


def _offer(source: FileSource, name: str) -> Offer:
    return next(offer for offer in source.discover(FeedState()) if offer.name == name)


# -- what is offered --------------------------------------------------------------------------------------


def test_oldest_first_by_the_date_in_the_name(folder: Path) -> None:
    for name in ("b_20260110.csv", "a_20260111.csv", "c_20260109.csv", "undated.csv"):
        (folder / name).write_text("x")
    offers = list(_source(folder, as_of=DATED).discover(FeedState()))
    assert [offer.name for offer in offers] == ["c_20260109.csv", "b_20260110.csv", "a_20260111.csv", "undated.csv"]
    assert [offer.as_of for offer in offers[:2]] == [
        datetime(2026, 1, 9, 5, tzinfo=UTC),
        datetime(2026, 1, 10, 5, tzinfo=UTC),
    ]
    assert offers[3].as_of is None


def test_an_undated_file_of_a_dated_feed_says_so(folder: Path, tmp_path: Path) -> None:
    source = _source(folder, as_of=DATED)
    (folder / "undated.csv").write_text("x")
    (folder / "a_20260111.csv").write_text("x")
    assert "counts from its landing" in source.pull(_offer(source, "undated.csv"), tmp_path / "t").notices[0]
    assert source.pull(_offer(source, "a_20260111.csv"), tmp_path / "t").notices == ()


@pytest.mark.parametrize("digits", ["20261301", "20260230", "00000000"])
def test_a_wrong_date_in_a_name_holds_up_no_other_file(folder: Path, tmp_path: Path, digits: str) -> None:
    for name in (f"a_{digits}.csv", "b_20260110.csv"):
        (folder / name).write_text("x")
    source = _source(folder, as_of=DATED)
    assert _names(source) == ["b_20260110.csv", f"a_{digits}.csv"]
    with pytest.raises(ConfigurationError, match=digits) as caught:
        source.pull(_offer(source, f"a_{digits}.csv"), tmp_path / "t")
    assert caught.value.feed == "lab.probe"
    assert caught.value.delivery == f"a_{digits}.csv"
    assert caught.value.hint


def test_a_file_is_offered_once_and_again_when_it_changes(folder: Path) -> None:
    (folder / "a.csv").write_text("x")
    source = _source(folder)
    fingerprint = _offer(source, "a.csv").fingerprint
    assert fingerprint is not None
    state = FeedState(seen={fingerprint: "d"})
    assert _names(source, state) == []
    (folder / "a.csv").write_text("xy")
    assert _names(source, state) == ["a.csv"]


@pytest.mark.parametrize("name", ["a.csv.part", "a.csv.tmp", "a.csv~", "a.filepart", ".a.csv", ".hidden/a.csv"])
def test_half_written_and_hidden_names_are_left_alone(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("x")
    (folder / "b.csv").write_text("x")
    assert _names(_source(folder, transport={"path": "**/*"})) == ["b.csv"]


def test_only_plain_files_of_the_folder(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret.csv"
    outside.write_text("secret")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.csv").write_text("secret")
    (folder / "link.csv").symlink_to(outside)
    (folder / "sub").symlink_to(tmp_path / "elsewhere")
    (folder / "loop.csv").symlink_to(folder / "loop.csv")
    (folder / "dangling.csv").symlink_to(tmp_path / "nothing")
    (folder / "device.csv").symlink_to("/dev/zero")
    (folder / "folder.csv").mkdir()
    os.mkfifo(folder / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(folder / "socket.csv"))
        (folder / "a.csv").write_text("x")
        (folder / "within.csv").symlink_to(folder / "a.csv")
        assert _names(_source(folder, transport={"path": "**/*.csv"})) == ["a.csv", "within.csv"]


@pytest.mark.parametrize(
    "name", ["a b.csv", "a'; DROP TABLE x; --.csv", "ä€.csv", "-rf.csv", "a\nb.csv", "$(id).csv", "a*.csv"]
)
def test_names_are_data(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).write_text("x")
    source = _source(folder)
    assert _names(source) == [name]
    source.pull(_offer(source, name), tmp_path / "t")
    assert (tmp_path / "t").read_text() == "x"


def test_a_missing_folder_may_come_back(folder: Path) -> None:
    with pytest.raises(TransientSourceError, match="folder is not there") as caught:
        _names(_source(folder / "mount"))
    assert caught.value.retryable
    assert caught.value.location == str(folder / "mount")


def test_a_file_waits_for_its_marker(folder: Path) -> None:
    source = _source(folder, transport={"path": "*", "done_suffix": ".done"})
    (folder / "a.csv").write_text("x")
    assert _names(source) == []
    (folder / "a.csv.done").touch()
    assert _names(source) == ["a.csv"]


def test_a_file_waits_until_it_has_settled(folder: Path) -> None:
    source = _source(folder, transport={"settle_seconds": 60})
    (folder / "a.csv").write_text("x")
    assert _names(source) == []
    past = time.time() - 61
    os.utime(folder / "a.csv", (past, past))
    assert _names(source) == ["a.csv"]


# -- copying ----------------------------------------------------------------------------------------------


def test_the_bytes_are_copied_whole(folder: Path, tmp_path: Path) -> None:
    data = os.urandom(3_000_001)
    (folder / "a.csv").write_bytes(data)
    source = _source(folder)
    pulled = source.pull(_offer(source, "a.csv"), tmp_path / "t")
    assert (tmp_path / "t").read_bytes() == data
    assert pulled.kind == "snapshot"


def test_an_empty_file_is_a_delivery(folder: Path, tmp_path: Path) -> None:
    (folder / "a.csv").touch()
    source = _source(folder)
    source.pull(_offer(source, "a.csv"), tmp_path / "t")
    assert (tmp_path / "t").read_bytes() == b""


def test_a_file_that_grows_while_it_is_read_is_left_for_later(folder: Path, tmp_path: Path) -> None:
    path = folder / "a.csv"
    path.write_bytes(b"x" * 50_000_000)
    source = _source(folder)
    offer = _offer(source, "a.csv")
    stop = threading.Event()

    def write() -> None:
        with path.open("ab", buffering=0) as target:
            while not stop.is_set():
                target.write(b"more\n")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with pytest.raises(TransientSourceError, match="still being written") as caught:
            source.pull(offer, tmp_path / "t")
    finally:
        stop.set()
        writer.join()
    assert caught.value.retryable
    whole = path.read_bytes()
    source.pull(_offer(source, "a.csv"), tmp_path / "t")
    assert (tmp_path / "t").read_bytes() == whole


def _error(source: FileSource, offer: Offer, target: Path) -> ConcordError:
    with pytest.raises(ConcordError) as caught:
        source.pull(offer, target)
    return caught.value


def test_a_file_that_goes_away(folder: Path, tmp_path: Path) -> None:
    (folder / "a.csv").touch()
    source = _source(folder)
    offer = _offer(source, "a.csv")
    (folder / "a.csv").unlink()
    error = _error(source, offer, tmp_path / "t")
    assert isinstance(error, TransientSourceError)
    assert error.message == "the file is gone"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(folder: Path, tmp_path: Path) -> None:
    (folder / "a.csv").touch()
    source = _source(folder)
    offer = _offer(source, "a.csv")
    (folder / "a.csv").chmod(0)
    error = _error(source, offer, tmp_path / "t")
    assert isinstance(error, PermanentSourceError)
    assert error.hint


def test_a_link_put_in_the_files_place_is_not_followed_out(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret.csv"
    outside.write_text("secret")
    (folder / "a.csv").write_text("x")
    source = _source(folder)
    offer = _offer(source, "a.csv")
    (folder / "a.csv").unlink()
    (folder / "a.csv").symlink_to(outside)
    error = _error(source, offer, tmp_path / "t")
    assert isinstance(error, PermanentSourceError)
    assert "link out of" in error.message
    assert not (tmp_path / "t").exists()


def test_a_pipe_put_in_the_files_place_is_not_waited_for(folder: Path, tmp_path: Path) -> None:
    (folder / "a.csv").write_text("x")
    source = _source(folder)
    offer = _offer(source, "a.csv")
    (folder / "a.csv").unlink()
    os.mkfifo(folder / "a.csv")
    assert isinstance(_error(source, offer, tmp_path / "t"), PermanentSourceError)


def test_a_file_that_cannot_be_read_now_may_be_later(folder: Path, tmp_path: Path) -> None:
    """Reading /proc/self/mem at address 0 is an I/O error, as a broken mount gives."""
    from connectors.files import copy_bytes

    with pytest.raises(TransientSourceError, match="reading failed"):
        copy_bytes(Path("/proc/self/mem"), tmp_path / "t")
