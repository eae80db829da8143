"""Landing: the immutable bytes of every delivery, each in its own folder, whole or absent.

Here: pulling an offer into landing, recognising what is there already, listing and verifying deliveries. Not
here: reading rows (`connectors`), what was applied (`store.staging`). Nothing of a source's naming is ever used
as a path: names are data in JSON.

    <root>/<source>/<feed>/<delivery_id>/{data.<ext>, manifest.json, sightings.jsonl}
    <root>/<source>/<feed>/seen.jsonl      offer fingerprint -> delivery id; losing it only costs a re-read
    <root>/<source>/<feed>/.incoming/      what a pull is writing; leftovers of a crash go at the next pull
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from connectors.errors import ConfigurationError, PermanentSourceError, TransientSourceError
from connectors.interface import Connector, Delivery, FeedState, Offer, Pulled
from store.crash import crash_point, register

#: Extensions a data file may carry in landing; any other name becomes `data.bin`.
_EXTENSIONS = frozenset(
    "bin csv dat edi gz hl7 json jsonl parquet psv tab tsv txt x12 xml zip zwr".split()  # noqa: SIM905
)
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_DELIVERY_ID = re.compile(r"[0-9a-f]{16}")
_PARQUET_MAGIC = b"PAR1"
_CHUNK = 1 << 20
_LOCK_WAIT_SECONDS = 10.0

register(
    "landing.before_manifest",
    "landing.before_rename",
    "landing.after_rename",
    "landing.before_sighting",
    "landing.after_sighting",
)


class FeedBusy(TransientSourceError):
    """Another pull of the same feed is running: retry when it is done."""


class LandingCorrupt(PermanentSourceError):
    """A delivery in landing is no longer what its manifest says."""


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of an offer. `delivery` is the new one, or the one it duplicates; None for "nothing"."""

    outcome: Literal["new", "duplicate", "nothing"]
    delivery: Delivery | None = None


class Landing:
    """The landing folder. Safe for several threads and processes; one pull per feed at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def pull(self, connector: Connector, offer: Offer, state: FeedState, moment: datetime | None = None) -> Landed:
        """Copy one offer into landing, unless its content is there.

        `moment` (UTC): the as-of of what states none of its own, that is of undated files and of extracts of a live
        source, whose as-of is only the time of reading. None: the connector's clock, or the time of landing.

        A delivery is named by feed, content and as-of, so the same delivery has the same folder whatever it is
        called. An extract of a live source (an offer without fingerprint, its as-of is the time of reading) is
        also a duplicate when it equals the latest delivery of the feed.

        Raises FeedBusy when another pull of the feed does not end in time, TransientSourceError when landing
        cannot be written (disk full), and whatever `connector.pull` raises.
        """
        folder = self._feed_folder(offer.source, offer.feed)
        with _puller(folder, f"{offer.source}.{offer.feed}"):
            try:
                return self._pull(connector, offer, state, folder, moment)
            except OSError as error:
                raise TransientSourceError(
                    f"the delivery could not be landed: {error.strerror or error}",
                    feed=f"{offer.source}.{offer.feed}",
                    delivery=offer.name,
                    location=str(folder),
                    hint="Check free space and permissions of the landing folder; nothing was kept",
                ) from error

    def _pull(
        self, connector: Connector, offer: Offer, state: FeedState, folder: Path, moment: datetime | None
    ) -> Landed:
        incoming = folder / ".incoming" / uuid.uuid4().hex
        incoming.mkdir(parents=True)
        try:
            target = incoming / "data"
            pulled = connector.pull(offer, state, target)
            if pulled is None:
                return Landed("nothing")
            return self._keep(offer, _dated(offer, pulled, moment), moment, incoming)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)

    def _keep(self, offer: Offer, pulled: Pulled, moment: datetime | None, incoming: Path) -> Landed:
        """Name what was pulled, and either move it into place or note that it is there already."""
        folder = incoming.parent.parent
        sha256, size = _hash_and_sync(incoming / "data")
        delivery = _delivery(offer, pulled, moment, folder, incoming / "data", sha256, size)
        there = self._same(offer, delivery)
        if there is not None:
            crash_point("landing.before_sighting")
            _append(there.path.parent / "sightings.jsonl", _sighting(offer.name))
            crash_point("landing.after_sighting")
        else:
            _write_delivery(delivery, pulled, incoming)
            crash_point("landing.before_rename")
            incoming.rename(delivery.path.parent)
            _sync(folder)
            crash_point("landing.after_rename")
        kept = there or delivery
        if offer.fingerprint is not None:
            _append(folder / "seen.jsonl", {"fingerprint": offer.fingerprint, "delivery_id": kept.delivery_id})
        return Landed("new" if there is None else "duplicate", kept)

    def _same(self, offer: Offer, delivery: Delivery) -> Delivery | None:
        """The delivery in landing that has the content of this one, if there is one."""
        if delivery.path.parent.is_dir():
            return _load(delivery.path.parent)
        if offer.fingerprint is not None:
            return None
        # A live source has no second copy that could arrive late, so equal content means: nothing happened since.
        latest = max(self.deliveries(offer.source, offer.feed), key=lambda d: d.sequence, default=None)
        if latest is not None and _content(latest) == _content(delivery):
            return latest
        return None

    def deliveries(self, source: str, feed: str) -> list[Delivery]:
        """All deliveries of a feed, in sequence order.

        Raises LandingCorrupt where a manifest cannot be read.
        """
        folder = self._feed_folder(source, feed)
        if not folder.is_dir():
            return []
        found = [_load(Path(entry.path)) for entry in os.scandir(folder) if _DELIVERY_ID.fullmatch(entry.name)]
        return sorted(found, key=lambda delivery: delivery.sequence)

    def feeds(self) -> list[tuple[str, str]]:
        """(source, feed) of everything in landing."""
        return sorted(
            (feed.parent.name, feed.name)
            for feed in self.root.glob("*/*")
            if _NAME.fullmatch(feed.name) and _NAME.fullmatch(feed.parent.name)
        )

    def find(self, delivery_id: str) -> Delivery | None:
        """The delivery of that id, None where landing has none."""
        if not _DELIVERY_ID.fullmatch(delivery_id):
            return None
        folder = next(self.root.glob(f"*/*/{delivery_id}"), None)
        return None if folder is None else _load(folder)

    def verify(self, delivery: Delivery) -> None:
        """Raise LandingCorrupt unless the bytes are still those that were landed."""
        verify(delivery)

    def sightings(self, delivery: Delivery) -> list[dict[str, str]]:
        """Every name the content came under: {"name", "seen_ts"}, first sighting first."""
        return list(_lines(delivery.path.parent / "sightings.jsonl"))

    def seen(self, source: str, feed: str) -> dict[str, str]:
        """Offer fingerprint -> delivery id, of offers that need not be read again."""
        folder = self._feed_folder(source, feed)
        pairs = {line["fingerprint"]: line["delivery_id"] for line in _lines(folder / "seen.jsonl")}
        there = {delivery_id for delivery_id in set(pairs.values()) if (folder / delivery_id).is_dir()}
        return {fingerprint: delivery_id for fingerprint, delivery_id in pairs.items() if delivery_id in there}

    def _feed_folder(self, source: str, feed: str) -> Path:
        for name in (source, feed):
            if not _NAME.fullmatch(name):
                raise ConfigurationError(f"{name!r} is not a name of a source or feed")
        return self.root / source / feed


def names_seen(delivery: Delivery) -> int:
    """How many different names the content of a delivery came under."""
    return len({line["name"] for line in _lines(delivery.path.parent / "sightings.jsonl")}) or 1


def verify(delivery: Delivery) -> None:
    """Raise LandingCorrupt unless the bytes are still those that were landed."""
    try:
        sha256, _ = _hash(delivery.path)
    except OSError as error:
        sha256 = f"unreadable: {error.strerror}"
    if sha256 != delivery.sha256:
        raise LandingCorrupt(
            f"the content of the delivery has changed since it was landed (now {sha256})",
            feed=delivery.feed_id,
            delivery=delivery.delivery_id,
            location=str(delivery.path),
            hint="Restore the landing folder from backup, or delete this delivery's folder and pull it again",
        )


def delivery_id(feed_id: str, sha256: str, as_of: datetime | None) -> str:
    """16 hex digits that name a delivery. `as_of` is None where it is only the time of landing."""
    stamp = "" if as_of is None else _stamp(as_of)
    return hashlib.sha256(f"{feed_id}|{sha256}|{stamp}".encode()).hexdigest()[:16]


def _dated(offer: Offer, pulled: Pulled, moment: datetime | None) -> Pulled:
    """What was pulled, with the moment of the pull in place of a live source's clock; a copy's own date stays."""
    is_live = offer.fingerprint is None and pulled.as_of is not None and not pulled.is_dated
    return replace(pulled, as_of=moment) if is_live and moment is not None else pulled


def _delivery(
    offer: Offer, pulled: Pulled, moment: datetime | None, folder: Path, data: Path, sha256: str, size: int
) -> Delivery:
    now = datetime.now(UTC)
    identity = delivery_id(f"{offer.source}.{offer.feed}", sha256, pulled.as_of)
    return Delivery(
        delivery_id=identity,
        source=offer.source,
        feed=offer.feed,
        name=_printable(offer.name),
        path=folder / identity / f"data.{_extension(offer.name, data)}",
        sha256=sha256,
        bytes=size,
        kind=pulled.kind,
        as_of=(pulled.as_of or moment or now).astimezone(UTC),
        landed_ts=now,
        rows_declared=pulled.rows_declared,
        control_totals=dict(pulled.control_totals),
        cursor_lo=pulled.cursor_lo,
        cursor_hi=pulled.cursor_hi,
        key_range=pulled.key_range,
        range_checksums=dict(pulled.range_checksums),
        notices=pulled.notices,
    )


def _content(delivery: Delivery) -> tuple[object, ...]:
    return (delivery.sha256, delivery.kind, delivery.key_range)


def _write_delivery(delivery: Delivery, pulled: Pulled, incoming: Path) -> None:
    """Complete the folder of a new delivery; all of it is on disk when this returns."""
    (incoming / "data").rename(incoming / delivery.path.name)
    crash_point("landing.before_manifest")
    manifest = asdict(delivery) | {
        "path": delivery.path.name,
        "as_of": _stamp(delivery.as_of),
        "as_of_known": pulled.as_of is not None,
        "landed_ts": _stamp(delivery.landed_ts),
        "format": 1,
    }
    _write(incoming / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    _append(incoming / "sightings.jsonl", _sighting(delivery.name))
    _sync(incoming)


def _load(folder: Path) -> Delivery:
    """The delivery in a folder of landing, from its manifest."""
    try:
        fields: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        fields.pop("format")
        fields.pop("as_of_known")
        key_range = fields.pop("key_range")
        return Delivery(
            **fields
            | {
                "path": folder / fields["path"],
                "as_of": datetime.fromisoformat(fields["as_of"]),
                "landed_ts": datetime.fromisoformat(fields["landed_ts"]),
                "key_range": None if key_range is None else (key_range[0], key_range[1]),
                "notices": tuple(fields["notices"]),
            }
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LandingCorrupt(
            f"the manifest of a delivery cannot be read: {error}",
            delivery=folder.name,
            location=str(folder / "manifest.json"),
            hint="Restore the landing folder from backup, or delete this delivery's folder and pull it again",
        ) from error


def _sighting(name: str) -> dict[str, str]:
    return {"name": _printable(name), "seen_ts": _stamp(datetime.now(UTC))}


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")


def _printable(name: str) -> str:
    """A source's name as data: bytes that are no text (and NUL) are escaped, so that JSON and SQL can hold it."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def _extension(name: str, data: Path) -> str:
    """The extension of the data file: Parquet by its first bytes, else the name's when it is a known one."""
    with data.open("rb") as file:
        if file.read(4) == _PARQUET_MAGIC:
            return "parquet"
    suffix = PurePosixPath(name).suffix.lower().removeprefix(".")
    return suffix if suffix in _EXTENSIONS else "bin"


def _hash(path: Path) -> tuple[str, int]:
    """(SHA-256, bytes) of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return digest.hexdigest(), file.tell()


def _hash_and_sync(path: Path) -> tuple[str, int]:
    """(SHA-256, bytes) of a file that is on disk when this returns."""
    _sync(path)
    return _hash(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _append(path: Path, line: Mapping[str, str]) -> None:
    """Append one JSON line durably. Starts a new line after one that a crash has torn."""
    with path.open("ab+") as file:
        torn = file.tell() > 0 and not _ends_with_newline(path)
        file.write((b"\n" if torn else b"") + json.dumps(line).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _lines(path: Path) -> Iterator[dict[str, str]]:
    """The JSON lines of a file; a line torn by a crash is skipped, what it said is found out again."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        if isinstance(fields, dict):
            yield fields


@contextmanager
def _puller(folder: Path, feed: str) -> Iterator[None]:
    """Be the one puller of a feed; what an earlier one left behind when it was killed is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _wait_for(lock, feed)
        shutil.rmtree(folder / ".incoming", ignore_errors=True)
        yield
    finally:
        os.close(lock)


def _wait_for(lock: int, feed: str) -> None:
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise FeedBusy(
                    "another pull of this feed is running", feed=feed, hint="Run it again when that pull has ended"
                ) from None
            time.sleep(0.05)
        else:
            return
