"""Judges a published store by the truth of the network it was made from.

Here: running `score.sql` and the figures of `truth/kpi.sql` on both, and comparing the result with floors. Not here:
printing (`sample_network.commands`), any repair. A figure that is below its floor is the caller's to act on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import yaml

from sample_network.model.world import script

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure. area: identity, attribute, fact, defect or kpi; name: domain, column, table, kind or KPI."""

    area: str
    name: str
    measure: str
    value: float | None

    @property
    def key(self) -> str:
        """How floors name it: area.name.measure."""
        return f"{self.area}.{self.name}.{self.measure}"


def score(store: Path, truth: Path) -> list[Measure]:
    """All figures of the published database `store` against the truth file, sorted.

    Raises duckdb.IOException when a file is missing, duckdb.CatalogException when one lacks a table that is compared.
    """
    con = duckdb.connect()
    try:
        for name, path in (("store", store), ("truth", truth)):
            con.execute(f"ATTACH '{str(path).replace(chr(39), chr(39) * 2)}' AS {name} (READ_ONLY)")
        con.execute(script("score.sql", HERE))
        figures = con.sql("SELECT area, name, measure, value FROM measure ORDER BY ALL").fetchall()
        return [*(Measure(*row) for row in figures), *_kpi_differences(con)]
    finally:
        con.close()


def _kpi_differences(con: duckdb.DuckDBPyConnection) -> list[Measure]:
    """Per KPI what truth and store say, and the relative difference. None: the store has no such figure."""
    told = con.sql(f"WITH fact AS (SELECT * FROM told_fact) {script('kpi.sql', HERE / 'truth')}").fetchall()
    store = {name: _ratio(name, top, bottom) for name, top, bottom in told}
    found = []
    for name, top, bottom in con.sql("SELECT kpi, numerator, denominator FROM truth.kpi ORDER BY kpi").fetchall():
        right, said = _ratio(name, top, bottom), store.get(name)
        off = None if said is None or right is None else abs(said - right) / max(abs(right), 1e-9)
        found += [
            Measure("kpi", name, "truth", right),
            Measure("kpi", name, "store", said),
            Measure("kpi", name, "difference", off),
        ]
    return found


#: KPIs that are a sum and not a ratio; their denominator is the number of rows.
_SUMS = frozenset({"po_value", "invoice_value", "usage_qty", "stock_on_hand", "unmet_need", "price_variance"})


def _ratio(name: str, top: object, bottom: object) -> float | None:
    if top is None or (name not in _SUMS and not bottom):
        return None
    return float(str(top)) if name in _SUMS else float(str(top)) / float(str(bottom))


def below_floors(measures: list[Measure], floors: Path) -> list[str]:
    """What is worse than the floors file allows, one sentence each.

    The file is YAML: `floors:` (at least) and `ceilings:` (at most), each area.name.measure -> number. A figure that is
    not there at all counts as below. Raises ValueError for a file of another shape.
    """
    wanted = yaml.safe_load(floors.read_text("utf-8"))
    if not isinstance(wanted, dict) or set(wanted) - {"floors", "ceilings"}:
        raise ValueError(f"{floors}: write floors: and ceilings:, each area.name.measure: number")
    have = {measure.key: measure.value for measure in measures}
    problems = [
        f"{key} is {_said(have.get(key))}, below {floor}"
        for key, floor in (wanted.get("floors") or {}).items()
        if (value := have.get(key)) is None or value < floor
    ]
    problems += [
        f"{key} is {_said(have.get(key))}, above {ceiling}"
        for key, ceiling in (wanted.get("ceilings") or {}).items()
        if (value := have.get(key)) is None or value > ceiling
    ]
    return problems


def _said(value: float | None) -> str:
    return "missing" if value is None else f"{value:.6g}"
