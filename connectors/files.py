"""Files below a source's folder: what is there, and copying one of them whole.

Here: listing by glob, refusing what is not a plain file of that folder, as-of from the name. Not here: what is
in a file (`connectors.delimited`, `connectors.x12`).
"""

from __future__ import annotations

import io
import os
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.contract import FeedContract, FileTransport
from connectors.errors import ConfigurationError, PermanentSourceError, TransientSourceError
from connectors.interface import DeliveryKind, FeedState, Offer, Pulled

_UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload", ".partial", "~")
_CHUNK = 1 << 20
_RENAME = "Correct as_of.pattern or as_of.format in the contract, or rename the file"
_KINDS: dict[str, DeliveryKind] = {
    "snapshot": "snapshot",
    "incremental": "incremental",
    "append": "append",
    "edi": "edi",
}


@dataclass(frozen=True, slots=True)
class FileSource:
    """The files of one feed. `folder`: the source's location."""

    folder: Path
    contract: FeedContract
    source: str

    def discover(self, state: FeedState) -> Iterator[Offer]:
        """The files not seen before, oldest as-of first, then by name. A changed file is a new offer.

        A file whose name should say its as-of and does not comes last, and pulling it raises: it holds up no other.

        Raises TransientSourceError when the folder is not there (a mount may come back).
        """
        offers = [offer for offer in self._offers() if offer.fingerprint not in state.seen]
        yield from sorted(offers, key=lambda o: ("misnamed" in o.detail, o.as_of is None, str(o.as_of), o.name))

    def _offers(self) -> Iterator[Offer]:
        if not self.folder.is_dir():
            raise TransientSourceError(
                "the source's folder is not there",
                feed=self.feed_id,
                location=str(self.folder),
                hint="Check the mount and the location in the network file",
            )
        transport = self.contract.transport
        assert isinstance(transport, FileTransport)  # the catalogue refuses any other pairing
        for path in self.folder.glob(transport.path):
            if self._is_delivery(path):
                yield self._offer(path)

    @property
    def feed_id(self) -> str:
        """`source.feed`."""
        return f"{self.source}.{self.contract.feed}"

    def _is_delivery(self, path: Path) -> bool:
        """A finished plain file that lives in the folder: no link out of it, no device, no half-written name."""
        relative = path.relative_to(self.folder)
        hidden = any(part.startswith(".") for part in relative.parts)
        if hidden or path.name.endswith(_UNFINISHED) or ".." in relative.parts:
            return False
        try:
            inside = path.resolve().is_relative_to(self.folder.resolve())
            found = path.stat()
        except (OSError, RuntimeError):  # RuntimeError: a link to itself
            return False  # gone, or a dangling link: what is not there now is offered when it is
        return inside and stat.S_ISREG(found.st_mode) and self._is_finished(path, found.st_mtime)

    def _is_finished(self, path: Path, changed: float) -> bool:
        transport = self.contract.transport
        assert isinstance(transport, FileTransport)
        if transport.done_suffix is not None:
            if path.name.endswith(transport.done_suffix):
                return False
            if not path.with_name(path.name + transport.done_suffix).is_file():
                return False
        return transport.settle_seconds == 0 or time.time() - changed >= transport.settle_seconds

    def _offer(self, path: Path) -> Offer:
        found = path.stat()
        name = path.relative_to(self.folder).as_posix()
        detail = {"path": str(path)}
        as_of = None
        try:
            as_of = self.as_of(name)
        except ConfigurationError as error:
            detail["misnamed"] = error.message
        return Offer(
            source=self.source,
            feed=self.contract.feed,
            name=name,
            kind=_KINDS[self.contract.change.mode],
            as_of=as_of,
            fingerprint=f"{name}|{found.st_size}|{found.st_mtime_ns}",
            detail=detail,
        )

    def as_of(self, name: str) -> datetime | None:
        """Business time in the name, UTC; None where the contract takes it from elsewhere or the name has none.

        Raises ConfigurationError when the name matches the pattern but is no date.
        """
        rule = self.contract.as_of
        if rule is None or rule.origin != "name" or rule.pattern is None:
            return None
        match = re.search(rule.pattern, name)
        if match is None:
            return None
        try:
            stamp = datetime.strptime(match["as_of"] or "", rule.format)  # noqa: DTZ007 - the zone follows
            return stamp.replace(tzinfo=ZoneInfo(rule.timezone)).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            message = f"the name's as-of {match['as_of']!r} is not written as {rule.format}"
            raise ConfigurationError(message, feed=self.feed_id, delivery=name, hint=_RENAME) from error

    def pull(self, offer: Offer, target: Path) -> Pulled:
        """Copy the file's bytes to `target`.

        Raises TransientSourceError when the file changes while it is read (it is still being written), is gone or
        cannot be read now; PermanentSourceError when it may not be read or is no plain file of the folder any more;
        ConfigurationError when its name should say its as-of and does not.
        """
        if "misnamed" in offer.detail:
            raise ConfigurationError(offer.detail["misnamed"], feed=self.feed_id, delivery=offer.name, hint=_RENAME)
        try:
            before, after = self._copied(Path(offer.detail["path"]), target, offer)
        except FileNotFoundError as error:
            raise TransientSourceError("the file is gone", feed=self.feed_id, delivery=offer.name) from error
        except PermissionError as error:
            raise PermanentSourceError(
                "the file may not be read",
                feed=self.feed_id,
                delivery=offer.name,
                hint="Give Concord read access to it",
            ) from error
        if before != after or before[0] != target.stat().st_size:
            raise TransientSourceError(
                "the file is still being written",
                feed=self.feed_id,
                delivery=offer.name,
                hint="It is tried again; senders should write under another name and rename",
            )
        return Pulled(kind=offer.kind, as_of=offer.as_of, notices=self._notices(offer))

    def _copied(self, path: Path, target: Path, offer: Offer) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """Copy; the file's identity before and after. What the name leads to may have changed since it was offered."""
        real = path.resolve(strict=True)
        if not real.is_relative_to(self.folder.resolve()):
            raise PermanentSourceError(
                "the file is a link out of the source's folder",
                feed=self.feed_id,
                delivery=offer.name,
                hint="Copy the file into the folder, or make its folder the source's location",
            )
        before = _identity(real)
        copy_bytes(real, target)
        return before, _identity(path)

    def _notices(self, offer: Offer) -> tuple[str, ...]:
        rule = self.contract.as_of
        if rule is not None and rule.origin == "name" and offer.as_of is None:
            return (f"the name {offer.name!r} says no as-of ({rule.pattern}): the file counts from its landing",)
        return ()


def _identity(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


def copy_bytes(path: Path, target: Path) -> None:
    """Copy a plain file without following a link that appeared meanwhile, and without waiting for a pipe.

    Raises PermanentSourceError when it is no plain file, TransientSourceError when reading it fails.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    with os.fdopen(handle, "rb", buffering=0) as source, target.open("wb") as copy:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise PermanentSourceError("not a plain file", location=str(path), hint="Remove it from the folder")
        while chunk := _chunk(source, path):
            copy.write(chunk)


def _chunk(source: io.FileIO, path: Path) -> bytes:
    try:
        return source.read(_CHUNK)
    except OSError as error:
        raise TransientSourceError(f"reading failed: {error.strerror}", location=str(path)) from error
