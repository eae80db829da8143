"""Records that share an identifier and yet contradict each other: one of them has the other's number.

Here: which pairs, and why. A pair is judged by what the two records say and by nothing else, so that nobody's coming
or going changes it. Not here: what follows from it (`mastering.clusters`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from mastering.clusters import Facts
from mastering.matching.apart import apart
from mastering.rules import Matching
from mastering.sqlfile import Connection, arrow, run

#: Of the noisy rows of the US device register (tuning part) 268 of 275 pairs with one GTIN, two part numbers and at
#: least so many words that each text has alone were two devices.
_WORDS_APART = 2
_SCHEMA = pa.schema([("rec", pa.int64()), ("other", pa.int64()), ("why", pa.string())])


def find_contradictions(
    con: Connection, matching: Matching | None, names: Mapping[str, str], values: Mapping[str, Any]
) -> pa.Table:
    """rec, other, why: pairs that share one identifier and are not one.

    `why`: `measures` (size, side or sterility contradict each other) or `unlike` (part numbers differ, and so do the
    texts). names: `node` (rec, level, value_no: identifiers that link) and `numbered` (rec, source_system, source_key).
    """
    if matching is None:
        return _SCHEMA.empty_table()
    run(con, "matching.sharing", names, values)
    parts = [arrow(con, "matching.contradictions", {}, {}).cast(_SCHEMA)]
    for place, one in enumerate(matching.compare.values(), start=1):
        if one.apart:
            parts.append(_unlike(arrow(con, "matching.unlike", {"place": str(place)}, {})))
    con.execute("DROP TABLE n_sharing")
    return pa.concat_tables(parts)


def _unlike(found: pa.Table) -> pa.Table:
    """Those of the pairs whose texts are apart."""
    texts = zip(found["l"].to_pylist(), found["r"].to_pylist(), strict=True)
    chosen = found.filter(pa.array([apart(left, right) >= _WORDS_APART for left, right in texts], pa.bool_()))
    why = pa.array(["unlike"] * chosen.num_rows, pa.string())
    return chosen.select(["rec", "other"]).append_column("why", why).cast(_SCHEMA)


def as_facts(found: pa.Table) -> Facts:
    """The pairs as `Exclusions.apart` wants them."""
    rec, other = (np.ascontiguousarray(found[name].to_numpy(), dtype=np.int64) for name in ("rec", "other"))
    return Facts(rec, other)
