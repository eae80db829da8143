"""The candidate as a file: copying it, and what the engine or the disk may refuse, as typed errors.

Here: file and error handling only. Not here: what is written (`store.candidate`), published files (`store.versions`).
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from connectors.errors import ConcordError


class PublishFailed(ConcordError):
    """The candidate could not be built or is not what was computed; readers keep the version they have."""


class StoreFull(PublishFailed):
    """The disk refused (full, quota, I/O error): a retry may help once there is space."""

    retryable = True


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, sharing its blocks where the file system can (reflink)."""
    with source.open("rb") as of, target.open("wb") as to:
        left = source.stat().st_size
        try:
            while left > 0 and (done := os.copy_file_range(of.fileno(), to.fileno(), left)):
                left -= done
        except OSError as error:
            if left != source.stat().st_size or _is_full(error):
                raise
        if left:
            shutil.copyfileobj(of, to, 1 << 20)


def _is_full(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)


@contextmanager
def told(path: Path | None, table: str | None = None) -> Iterator[None]:
    """Failures of the engine or the disk as typed errors that name the table and say what to do."""
    place = str(path) if path else None
    try:
        yield
    except duckdb.ConstraintException as error:
        raise PublishFailed(
            f"computed rows break a promise: {error}",
            location=place,
            key=table,
            hint="The table's SQL yields an empty value where its promise allows none; correct one of them",
        ) from error
    # A commit that the disk refuses comes as an error of the transaction, or as one that invalidates the database.
    except (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException, OSError) as error:
        raise StoreFull(
            f"the candidate cannot be written: {error}", location=place, key=table, hint="Check free space and the disk"
        ) from error
    except duckdb.Error as error:
        raise PublishFailed(
            f"the candidate cannot be built: {error}",
            location=place,
            key=table,
            hint=f"Try assets/conformed/{table}.sql on the working database" if table else None,
        ) from error
