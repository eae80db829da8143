"""Published versions on disk: their files, manifests, the pointer, rollback, damage and retention.

Here: names, manifests, moving the pointer, checking bytes. Not here: what is in a version (`store.candidate`)
or reading it (`store.query`). A version is complete when its file and its manifest are there; the pointer belongs
on the newest complete version that is not withdrawn, and `recover` puts it there after a crash.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.errors import ConcordError

FORMAT = 1
POINTER = "reporting.duckdb"
_MANIFEST = re.compile(r"^reporting-(\d+)\.json$")


class PublishBusy(ConcordError):
    """Another process is publishing into this home: retry when it is done."""

    retryable = True


class NoSuchVersion(ConcordError):
    """The version asked for is not there, or nothing was published yet."""


class DamagedVersion(ConcordError):
    """A version's file is no longer what its manifest says."""


@dataclass(frozen=True, slots=True)
class TableBasis:
    """What a table was built from: the next build compares, and recomputes what differs.

    `fingerprint`: SQL, columns and build rule of the promise, and the text of the intake views it reads. `shape`: its
    columns only. `built_through_seq`: the working database's _change_seq that it takes account of. `inputs`: relation
    -> signature, for tables built in full.
    """

    fingerprint: str
    shape: str
    built_through_seq: int
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Basis:
    """The state of the working database that a version is equal to.

    `attention`: hash of the open rejects and quarantined deliveries. `dictionary`: hash of comments and views.
    """

    working_id: str
    change_seq: int
    tables: Mapping[str, TableBasis]
    attention: str
    dictionary: str


@dataclass(frozen=True, slots=True)
class TableState:
    """One conformed table of a version: rows, and order-independent sums of row hashes (decimal text).

    `row_sum` is over the columns as stored; `content_sum` and `lineage_sum` have canonical labels for golden ids.
    """

    rows: int
    row_sum: str
    content_sum: str
    lineage_sum: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything said about one published version; `reporting-<n>.json`.

    `added`: deliveries applied since the version before, {"delivery_id", "feed", "sha256"}; the whole list is
    ops.delivery of the file, `delivery_count` and `deliveries_hash` sum it up. `bytes_per_row`: of the last version
    that was written afresh, to notice growth. Hashes compare only between equal `duckdb_version`.
    """

    version: int
    published_ts: datetime
    run_id: str
    content_hash: str
    lineage_hash: str
    duckdb_version: str
    previous: int | None
    tables: Mapping[str, TableState]
    ops_rows: Mapping[str, int]
    basis: Basis
    delivery_count: int
    deliveries_hash: str
    added: tuple[Mapping[str, str], ...]
    sha256: str
    bytes: int
    bytes_per_row: float

    @property
    def built_through_seq(self) -> int:
        """The working database's _change_seq that the version takes account of."""
        return self.basis.change_seq

    @property
    def working_id(self) -> str:
        """Identity of the working database that the version was built from."""
        return self.basis.working_id

    @property
    def rows(self) -> int:
        """Rows of all conformed tables."""
        return sum(table.rows for table in self.tables.values())


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` found: the version readers now see, and the damaged ones with the reason."""

    version: int
    damaged: Mapping[int, str]


# -- names -----------------------------------------------------------------------------------------------


def folder(home: Path) -> Path:
    """Where the versions are."""
    return home / "published"


def database_path(home: Path, version: int) -> Path:
    """The file of a version."""
    return folder(home) / f"reporting-{version}.duckdb"


def manifest_path(home: Path, version: int) -> Path:
    """The manifest of a version."""
    return folder(home) / f"reporting-{version}.json"


def _withdrawn_path(home: Path, version: int) -> Path:
    return folder(home) / f"reporting-{version}.withdrawn"


def _basis_path(home: Path, version: int) -> Path:
    return folder(home) / f"reporting-{version}.basis.json"


# -- listing ---------------------------------------------------------------------------------------------


def versions(home: Path) -> list[Manifest]:
    """The manifests of all complete versions, newest first. Withdrawn ones are among them (see `withdrawn`)."""
    return [load_manifest(home, number) for number in _complete(home)]


def withdrawn(home: Path) -> dict[int, str]:
    """Versions that readers are not to see, with the reason (rolled back, damaged)."""
    found = {}
    for number in _complete(home):
        with suppress(FileNotFoundError):
            found[number] = str(json.loads(_withdrawn_path(home, number).read_text("utf-8"))["reason"])
    return found


def current(home: Path) -> Manifest | None:
    """The manifest of the version that readers see, None where nothing was published yet."""
    number = pointed(home)
    if number is None or number not in _complete(home):
        number = next(iter(_servable(home)), None)
    return None if number is None else load_manifest(home, number)


def pointed(home: Path) -> int | None:
    """The version that the pointer names, None where there is no pointer."""
    try:
        target = (folder(home) / POINTER).readlink().name
    except FileNotFoundError:
        return None
    found = re.fullmatch(r"reporting-(\d+)\.duckdb", target)
    return int(found[1]) if found else None


def next_version(home: Path) -> int:
    """One above every version there is; a number is never used for two publications."""
    return max(_complete(home), default=0) + 1


def load_manifest(home: Path, version: int) -> Manifest:
    """The manifest of a version. Raises NoSuchVersion, or DamagedVersion where it cannot be read."""
    path = manifest_path(home, version)
    try:
        data: dict[str, Any] = json.loads(path.read_text("utf-8"))
        data.pop("format")
        return Manifest(
            **data
            | {
                "published_ts": datetime.fromisoformat(data["published_ts"]),
                "tables": {name: TableState(**state) for name, state in data["tables"].items()},
                "basis": _basis(data["basis"]),
                "added": tuple(data["added"]),
            }
        )
    except FileNotFoundError as error:
        raise NoSuchVersion(
            f"there is no version {version}", location=str(path), hint="`concord versions` lists them"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedVersion(
            f"the manifest of version {version} cannot be read: {error}",
            location=str(path),
            hint="Restore it from backup, or delete the version's files",
        ) from error


def load_basis(home: Path, manifest: Manifest) -> Basis:
    """What the version is known to be equal to: as built, or as confirmed since by a sync that changed nothing."""
    try:
        return _basis(json.loads(_basis_path(home, manifest.version).read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return manifest.basis  # only a short cut; what the manifest says is always right


def confirm(home: Path, version: int, basis: Basis) -> None:
    """Note that the version is equal to this later state of the working database, so that nothing is recomputed."""
    write_durably(_basis_path(home, version), json.dumps(asdict(basis)))


def _basis(data: dict[str, Any]) -> Basis:
    return Basis(**data | {"tables": {name: TableBasis(**table) for name, table in data["tables"].items()}})


def _complete(home: Path) -> list[int]:
    """Versions with file and manifest, newest first."""
    try:
        names = {entry.name for entry in os.scandir(folder(home))}
    except FileNotFoundError:
        return []
    numbers = (int(found[1]) for name in names if (found := _MANIFEST.match(name)))
    return sorted((n for n in numbers if f"reporting-{n}.duckdb" in names), reverse=True)


def _servable(home: Path) -> list[int]:
    """Complete versions that are not withdrawn, newest first."""
    return [number for number in _complete(home) if not _withdrawn_path(home, number).exists()]


# -- changing what readers see ---------------------------------------------------------------------------


def save_manifest(home: Path, manifest: Manifest) -> None:
    """Write the manifest durably."""
    data = asdict(manifest) | {"format": FORMAT, "published_ts": manifest.published_ts.isoformat()}
    write_durably(manifest_path(home, manifest.version), json.dumps(data, indent=1, sort_keys=True) + "\n")


def point_to(home: Path, version: int) -> None:
    """Move the pointer in one step; a reader opens the old version or the new one."""
    temporary = folder(home) / f".pointer-{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(database_path(home, version).name)
    temporary.replace(folder(home) / POINTER)
    sync(folder(home))


def rollback(home: Path, version: int) -> Manifest:
    """Let readers see `version`: later ones are withdrawn, and the next sync publishes a new one on top of it.

    Raises NoSuchVersion, DamagedVersion when its bytes are not those of its manifest, PublishBusy.
    """
    with publish_lock(home):
        manifest = load_manifest(home, version)
        problem = damage(home, manifest)
        if problem:
            raise DamagedVersion(f"version {version} is damaged: {problem}", hint="See `concord versions`")
        for number in _complete(home):
            if number > version:
                withdraw(home, number, f"rolled back to version {version}")
        _withdrawn_path(home, version).unlink(missing_ok=True)
        point_to(home, version)
    return manifest


def withdraw(home: Path, version: int, reason: str) -> None:
    """Mark a version as one that readers are not to see."""
    note = {"reason": reason, "withdrawn_ts": datetime.now(UTC).isoformat()}
    write_durably(_withdrawn_path(home, version), json.dumps(note))


def verify(home: Path) -> Verified:
    """Check the bytes of what readers see; where they are damaged, readers get the newest version that is not.

    Raises NoSuchVersion where nothing was published or no version is whole, PublishBusy.
    """
    with publish_lock(home):
        damaged: dict[int, str] = {}
        for number in _servable(home):
            problem = damage(home, load_manifest(home, number))
            if problem is None:
                if pointed(home) != number:
                    point_to(home, number)
                return Verified(number, damaged)
            damaged[number] = problem
            withdraw(home, number, f"damaged: {problem}")
    raise NoSuchVersion(
        f"no whole version is left (damaged: {damaged or 'none'})",
        location=str(folder(home)),
        hint="Run `concord rebuild`: it publishes a new version from landing and the control database",
    )


def damage(home: Path, manifest: Manifest) -> str | None:
    """What is wrong with the bytes of a version's file, None when they are those of its manifest."""
    path = database_path(home, manifest.version)
    try:
        size = path.stat().st_size
        if size != manifest.bytes:
            return f"{size} bytes instead of {manifest.bytes}"
        return None if is_whole(path, manifest.sha256) else "its SHA-256 is another than in the manifest"
    except OSError as error:
        return f"unreadable: {error.strerror}"


def recover(home: Path) -> None:
    """Clear what a killed publish left behind. Call it holding the publish lock.

    An unfinished candidate is removed. A version that had passed the gate and is complete becomes current, as it
    would have without the crash, once its bytes are found to be those of its manifest.
    """
    place = folder(home)
    for leftover in [*place.glob(".candidate-*"), *place.glob(".pointer-*"), *place.glob(".writing-*")]:
        leftover.unlink(missing_ok=True)
    complete = set(_complete(home))
    for path in place.glob("reporting-*.json"):
        found = _MANIFEST.match(path.name)
        if found and int(found[1]) not in complete:
            path.unlink(missing_ok=True)
    for number in _servable(home):
        if pointed(home) == number:
            return
        problem = damage(home, load_manifest(home, number))
        if problem is None:
            point_to(home, number)
            return
        withdraw(home, number, f"damaged: {problem}")


def prune(home: Path, keep: int) -> list[int]:
    """Remove all but the newest `keep` versions, never the one readers see; returns the removed numbers.

    A reader that has a removed version open goes on reading it.
    """
    complete = _complete(home)
    doomed = [number for number in complete[max(keep, 1) :] if number != pointed(home)]
    for number in doomed:
        for path in (manifest_path, database_path, _withdrawn_path, _basis_path):
            path(home, number).unlink(missing_ok=True)
    return doomed


class PublishLock:
    """The right to publish into a home, held by one process at a time. Released by `close`, or by its death."""

    def __init__(self, home: Path) -> None:
        """Raises PublishBusy naming the holder's process id."""
        folder(home).mkdir(parents=True, exist_ok=True)
        path = folder(home) / ".lock"
        self._file: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._file, 32).decode("ascii", "replace").strip() or "unknown"
            self.close()
            raise PublishBusy(
                f"process {holder} is publishing", location=str(path), hint="Wait until it ends, then run this again"
            ) from error
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())

    def close(self) -> None:
        """Give the right back; twice is harmless."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


@contextmanager
def publish_lock(home: Path) -> Iterator[None]:
    """Hold the publish lock. Raises PublishBusy."""
    lock = PublishLock(home)
    try:
        yield
    finally:
        lock.close()


# -- files -----------------------------------------------------------------------------------------------


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_current(home: Path) -> None:
    """Read what readers see, so that a later `damage` knows. For a thread beside other work: it raises nothing."""
    with suppress(OSError, ConcordError):
        manifest = current(home)
        if manifest is not None:
            is_whole(database_path(home, manifest.version), manifest.sha256)


def is_whole(path: Path, sha256: str) -> bool:
    """Whether a file has that SHA-256. Found out once per process for as long as nothing wrote to the file.

    Several threads may ask; the first one reads the file, the others wait for what it finds.
    """
    with _READING:
        found = path.stat()
        as_it_is = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        known = _READ.get(path)
        if known is None or known[0] != as_it_is:
            known = _READ[path] = (as_it_is, sha256_of(path))
        return known[1] == sha256


_READING = threading.Lock()
_READ: dict[Path, tuple[tuple[int, ...], str]] = {}


def sync(path: Path) -> None:
    """Flush a file or folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, text: str) -> None:
    """Write a small file so that it is there whole, or as it was."""
    temporary = path.with_name(f".writing-{os.getpid()}-{path.name}")
    temporary.write_text(text, encoding="utf-8")
    sync(temporary)
    temporary.replace(path)
    sync(path.parent)
