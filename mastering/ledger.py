"""The ledger of golden ids as mastering sees it: a Protocol. `store.control` keeps it; tests have one in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from connectors.errors import ConcordError


class LedgerBehind(ConcordError):
    """The ledger does not know an id that the working database has from it: to mint on would give ids away twice."""


class Ledger(Protocol):
    """Golden ids of every domain: minted once, never renumbered, outliving every rebuild.

    A golden id belongs for ever to the record it was minted for, its seed. So the id of a cluster follows from
    its members alone: the least id that any of them is the seed of (see `mastering.ids`).
    """

    def seeds(self, domain: str, after: int = 0) -> pa.Table:
        """source_system, source_key, sk (int64) of the seed of every id greater than `after`."""
        ...

    def mint(self, domain: str, seeds: Sequence[tuple[str, str]]) -> list[int]:
        """One id per seed (source_system, source_key), in order; a seed that has one gets the same again."""
        ...

    def assign(self, domain: str, rows: pa.Table) -> None:
        """Note the id of source records: source_system, source_key, sk."""
        ...

    def redirect(self, domain: str, from_sk: int, to_sk: int | None) -> None:
        """From now on `from_sk` means `to_sk` (merge); None takes a redirect back (unmerge)."""
        ...

    def redirects(self, domain: str) -> Mapping[int, int]:
        """Every redirected id -> the id it means in the end."""
        ...
