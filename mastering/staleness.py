"""How old a value may be (`max_age_hours`): when it was last confirmed, which golden records to look at again.

A value is confirmed by every row in which its record says it, and by every moment at which its source said anew
everything that it has (`Heard`). Both are moments of the data, so a rebuild finds what the syncs found. The set work is
in `sql/staleness.sql`. Not here: who wins (`mastering.survivorship`), what the deliveries are (`store.intake`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from mastering.rules import DomainRules
from mastering.schema import names_of
from mastering.sqlfile import Connection, keep, run, scalar

_STAMP = pa.timestamp("us", "UTC")
_TABLES = ("t_confirmed", "t_limit", "t_run", "t_turned", "t_due")


@dataclass(frozen=True, slots=True)
class Heard:
    """What the sources confirmed, and until when anything was heard.

    `as_of`: the newest moment of the data; None where nothing was heard. `whole`: (source, since, confirmed): from
    `since` on, all that the source says is known to be what it said at `confirmed`.
    """

    as_of: datetime | None
    whole: Sequence[tuple[str, datetime, datetime]] = ()


Hear = Callable[[], Heard]


def age_limits(rules: DomainRules) -> list[int]:
    """The limits that the rules name, in hours; most domains have none, and pay nothing."""
    entries = (entry for name in rules.survivable for entry in rules.entries(name))
    return sorted({entry.max_age_hours for entry in entries if entry.max_age_hours})


def never_heard(con: Connection, rules: DomainRules) -> bool:
    """Whether the domain was never mastered with an eye to limits: then all of it is to be looked at."""
    return not scalar(con, "SELECT count(*) FROM master.heard WHERE domain = $domain", {"domain": rules.domain})


def limits_turn(con: Connection, rules: DomainRules, heard: Heard) -> bool:
    """Note what the sources confirmed (`t_run`), and whom it concerns (`t_turned`, `t_due`); whether it is anybody.

    A source that goes on being confirmed concerns nobody, however often it is.
    """
    before = scalar(con, "SELECT as_of FROM master.heard WHERE domain = $domain", {"domain": rules.domain})
    values = {"domain": rules.domain, "as_of": heard.as_of, "before": before}
    keep(con, "t_limit", pa.table({"max_age_hours": pa.array(age_limits(rules), pa.int64())}))
    columns = list(zip(*heard.whole, strict=True)) or [(), (), ()]
    kinds = (("source_system", pa.string()), ("since", _STAMP), ("confirmed", _STAMP))
    keep(con, "t_confirmed", pa.table({n: pa.array(c, k) for (n, k), c in zip(kinds, columns, strict=True)}))
    for step in ("runs", "turned_sources", "due"):
        run(con, f"staleness.{step}", {}, values)
    return bool(scalar(con, "SELECT EXISTS (FROM t_turned) OR EXISTS (FROM t_due)"))


def look_again(con: Connection, rules: DomainRules) -> None:
    """Add to v_golden whom the passing of limits concerns."""
    run(con, "staleness.look_again", names_of(rules), {})


def find_fresh(con: Connection, rules: DomainRules, as_of: datetime | None) -> None:
    """Fill v_fresh for the statements at hand, and note when the limits of those that stand will pass."""
    values: dict[str, Any] = {"domain": rules.domain, "as_of": as_of}
    for step in ("fresh", "forget_due", "note_due"):
        run(con, f"staleness.{step}", {}, values)


def remember(con: Connection, rules: DomainRules, heard: Heard) -> None:
    """What golden data follows from now; the next call compares."""
    for table in ("confirmed_run", "heard"):
        con.execute(f"DELETE FROM master.{table} WHERE domain = ?", [rules.domain])
    run(con, "staleness.remember_runs", {}, {"domain": rules.domain})
    con.execute("INSERT INTO master.heard VALUES (?, ?)", [rules.domain, heard.as_of])


def forget_temporary(con: Connection) -> None:
    """Drop what this step left in the session."""
    for name in _TABLES:
        con.execute(f"DROP TABLE IF EXISTS {name}")
