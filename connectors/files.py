"""Files below a source's folder: what is there, and copying one of them whole.

Here: listing by glob, refusing what is not a plain file of that folder, as-of from the name. Not here: what is
in a file (`connectors.delimited`, `connectors.x12`).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.contract import FeedContract, FileTransport
from connectors.errors import ConfigurationError, PermanentSourceError, TransientSourceError
from connectors.interface import DeliveryKind, FeedState, Offer, Pulled

_UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload", ".partial", "~")
_CHUNK = 1 << 20
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

        Raises TransientSourceError when the folder is not there (a mount may come back).
        """
        offers = [offer for offer in self._offers() if offer.fingerprint not in state.seen]
        yield from sorted(offers, key=lambda offer: (offer.as_of is None, str(offer.as_of), offer.name))

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
            return inside and stat.S_ISREG(path.stat().st_mode)
        except OSError:
            return False  # gone, or a dangling link: what is not there now is offered when it is

    def _offer(self, path: Path) -> Offer:
        found = path.stat()
        name = path.relative_to(self.folder).as_posix()
        return Offer(
            source=self.source,
            feed=self.contract.feed,
            name=name,
            kind=_KINDS[self.contract.change.mode],
            as_of=self.as_of(name),
            fingerprint=f"{name}|{found.st_size}|{found.st_mtime_ns}",
            detail={"path": str(path)},
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
            stamp = datetime.strptime(match["as_of"], rule.format)  # noqa: DTZ007 - the zone follows
        except ValueError as error:
            raise ConfigurationError(
                f"the name's as-of {match['as_of']!r} is not written as {rule.format}",
                feed=self.feed_id,
                delivery=name,
                hint="Correct as_of.pattern or as_of.format in the contract, or rename the file",
            ) from error
        return stamp.replace(tzinfo=ZoneInfo(rule.timezone)).astimezone(ZoneInfo("UTC"))

    def pull(self, offer: Offer, target: Path) -> Pulled:
        """Copy the file's bytes to `target`.

        Raises TransientSourceError when the file changes while it is read (it is still being written), or is gone.
        """
        path = Path(offer.detail["path"])
        try:
            before = _identity(path)
            copy_bytes(path, target)
            after = _identity(path)
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
        return Pulled(kind=offer.kind, as_of=offer.as_of)


def _identity(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


def copy_bytes(path: Path, target: Path) -> None:
    """Copy a file without following a link that appeared meanwhile."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as source, target.open("wb") as copy:
        while chunk := source.read(_CHUNK):
            copy.write(chunk)
