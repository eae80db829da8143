"""A real working database with hand-made intake and master rows, and a publisher on it with the real promises."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from expectations.promise import TablePromise, load_promises
from mastering.packs import register_functions
from store.candidate import Candidate, Publication, TableBuilt
from store.publish import Publisher
from store.working import Working, quote
from tests.conformed.world import CONFORMED, DEFAULTS, TABLES, relations

#: Enough to have golden ids, a full table, incremental tables and a conversion; the rest only takes time.
SMALL = ("dim_item", "bridge_item_xref", "item_uom", "fact_po_line")
T0 = "2026-01-01 00:00:00+00"

_LOG = {
    "domain": "VARCHAR",
    "sk": "BIGINT",
    "attribute": "VARCHAR",
    "valid_from": "TIMESTAMPTZ",
    "valid_to": "TIMESTAMPTZ",
    "value": "VARCHAR",
    "winner_source": "VARCHAR",
    "winner_key": "VARCHAR",
    "winner_delivery_id": "VARCHAR",
    "winner_row_no": "BIGINT",
    "rule": "VARCHAR",
    "losers": "VARCHAR",
    "_change_seq": "BIGINT",
}


@cache
def known_relations() -> dict[str, dict[str, str]]:
    return relations() | {"master.survivorship_log": _LOG}


@cache
def promises() -> dict[str, TablePromise]:
    return load_promises(TABLES)


class World:
    """`home` with a working database. Every `add`, `change` or `remove` is one transaction of the working database."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.working = Working.open(home / "working.duckdb", threads=2)
        self.con = self.working.con
        register_functions(self.con)
        self._create()

    def _create(self) -> None:
        for name, columns in known_relations().items():
            schema, table = name.split(".")
            if schema != "ops" and not self._exists(schema, table):
                body = ", ".join(f"{quote(column)} {kind}" for column, kind in columns.items())
                self.con.execute(f"CREATE TABLE {quote(schema, table)} ({body})")

    def _exists(self, schema: str, table: str) -> bool:
        return bool(
            self.con.execute(
                "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?", [schema, table]
            ).fetchall()
        )

    # -- rows ------------------------------------------------------------------------------------------

    def add(self, relation: str, *rows: Mapping[str, Any]) -> None:
        with self.working.transaction() as seq:
            for row in rows:
                self._insert(relation, row, seq)

    def _insert(self, relation: str, row: Mapping[str, Any], seq: int) -> None:
        known = known_relations()[relation]
        full = {name: value for name, value in DEFAULTS.items() if name in known} | {"_change_seq": seq} | dict(row)
        marks = ", ".join("?" for _ in full)
        names = ", ".join(quote(name) for name in full)
        self.con.execute(f"INSERT INTO {relation} ({names}) VALUES ({marks})", list(full.values()))

    def change(self, relation: str, where: str, **values: object) -> None:
        with self.working.transaction() as seq:
            sets = ", ".join(f"{quote(name)} = ?" for name in [*values, "_change_seq"])
            self.con.execute(f"UPDATE {relation} SET {sets} WHERE {where}", [*values.values(), seq])

    def remove(self, relation: str, where: str) -> None:
        with self.working.transaction():
            self.con.execute(f"DELETE FROM {relation} WHERE {where}")

    def touch(self) -> None:
        """A transaction that changes nothing that is published."""
        with self.working.transaction():
            pass

    def item(self, sk: int, description: str, *keys: str, source: str = "erp", **values: object) -> None:
        """A golden item with its crosswalk rows."""
        self.add(
            "master.golden_item",
            {"item_sk": sk, "description": description, "base_uom": "each", **_golden(keys[0], source), **values},
        )
        for key in keys:
            self.xref(sk, key, source)

    def xref(self, sk: int, key: str, source: str = "erp", valid_from: str = T0) -> None:
        self.add(
            "master.xref_item", {"source_system": source, "source_key": key, "item_sk": sk, "valid_from": valid_from}
        )

    def log(self, sk: int, attribute: str, value: str, **values: object) -> None:
        """A survivorship row: `value` of erp won."""
        row: dict[str, object] = {
            "domain": "item",
            "sk": sk,
            "attribute": attribute,
            "value": value,
            "valid_from": T0,
            "winner_source": "erp",
            "winner_key": "A",
            "winner_delivery_id": "d1",
            "winner_row_no": 1,
            "rule": "system of record: erp",
            "losers": json.dumps([]),
        }
        self.add("master.survivorship_log", row | values)

    def line(self, key: str, item: str | None = "A", qty: str = "1", **values: object) -> None:
        """A purchase order line."""
        self.add("intake.po_line", po_line(key, item, qty) | values)

    def delivery(self, delivery_id: str, feed: str = "erp.po_line", state: str = "applied", **values: object) -> None:
        with self.working.transaction() as seq:
            row = {
                "delivery_id": delivery_id, "feed": feed, "source_system": "erp", "name": f"{delivery_id}.csv",
                "names_seen": 1, "sha256": delivery_id * 4, "bytes": 10, "kind": "snapshot", "as_of_ts": T0,
                "sequence": f"{T0}|{delivery_id}", "rows_read": 1, "rows_accepted": 1, "rows_rejected": 0,
                "rows_changed": 1, "rows_deleted": 0,
                "landed_ts": T0, "loaded_ts": T0, "state": state, "notices": [], "change_seq": seq,
                "contract_version": 1, "contract_hash": "c",
            } | values  # fmt: skip
            self._insert_plain("ops.delivery", row)

    def reject(self, reject_id: str, delivery_id: str = "d1", state: str = "open") -> None:
        with self.working.transaction() as seq:
            row = {
                "reject_id": reject_id, "delivery_id": delivery_id, "feed": "erp.po_line", "source_system": "erp",
                "record": "main", "row_no": 3, "location": "line 3", "rule_id": "type.decimal",
                "reason": "not a number", "severity": "error", "row_count": 1,
                "state": state, "recorded_ts": T0, "change_seq": seq,
            }  # fmt: skip
            self._insert_plain("ops.rejected_record", row)

    def _insert_plain(self, relation: str, row: Mapping[str, Any]) -> None:
        names, marks = ", ".join(row), ", ".join("?" for _ in row)
        self.con.execute(f"INSERT INTO {relation} ({names}) VALUES ({marks})", list(row.values()))

    # -- publishing ------------------------------------------------------------------------------------

    def publisher(self, tables: Iterable[str] = SMALL, **options: Any) -> Publisher:
        """On the real promises of these tables and of all ops tables."""
        chosen = {name: p for name, p in promises().items() if name in tables or p.schema_name == "ops"}
        return Publisher(self.con, self.home, chosen, CONFORMED, **options)

    def publish(self, run_id: str = "run1", **options: Any) -> tuple[Publication | None, dict[str, TableBuilt]]:
        """One publish as the pipeline does it; None where there was nothing worth publishing."""
        return publish(self.publisher(**options).prepare(run_id))

    def close(self) -> None:
        self.working.close()

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def publish(candidate: Candidate) -> tuple[Publication | None, dict[str, TableBuilt]]:
    with candidate:
        built = {built.table: built for built in candidate.build_all()}
        if not candidate.worth_publishing:
            return None, built
        candidate.seal()
        candidate.add_ops({"run": runs()}, decision_head="0" * 64)
        return candidate.publish(), built


def runs() -> pa.Table:
    return pa.table(
        {
            "run_id": ["run1"],
            "started_ts": pa.array(["2026-01-01T00:00:00Z"]).cast(pa.timestamp("us", "UTC")),
            "ended_ts": pa.array([None], pa.timestamp("us", "UTC")),
            "cadence": ["nightly"],
            "network": ["sample"],
            "status": ["running"],
            "detail": ["{}"],
            "code_version": ["0.1.0"],
        }
    )


def po_line(key: str, item: str | None, qty: str) -> dict[str, Any]:
    return {
        "source_system": "erp", "source_key": key, "po_no": key, "line_no": "1", "item_key": item, "qty_txn": qty,
        "uom_txn": "each", "unit_price": "2.50", "currency_code": "USD",
    }  # fmt: skip


def _golden(key: str, source: str) -> dict[str, Any]:
    return {"_source_system": source, "_source_key": key, "valid_from": T0, "is_current": True}
