"""Rules of the legacy ERP's pack on rows made for the purpose: the vendor journal, packs that changed."""

from __future__ import annotations

from typing import Any

import duckdb

from tests.feeds import packs

CONTRACTS = packs.pack_contracts("legacy_erp")
ADDED = {
    "journal_no": 1,
    "op": "insert",
    "changed_at": "2026-02-23 12:00:00",
    "vendor_no": "V1",
    "name": "Acme",
    "status": "active",
}
RENAMED = ADDED | {
    "journal_no": 2,
    "op": "update",
    "changed_at": "2026-03-04 15:00:00",
    "name": "Acme Group",
    "_change_seq": 4,
}
REMOVED = RENAMED | {"journal_no": 3, "op": "delete", "changed_at": "2026-03-09 15:00:00", "_change_seq": 5}
BOX = {
    "item_no": "100001",
    "uom": "BX",
    "valid_from": "2019-07-01",
    "multiplier": "50",
    "gtin": "1",
    "order_flag": True,
}


def _rows(shape: str, **feeds: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    for name, feed in CONTRACTS.items():
        packs.stage(con, feed, feeds.get(name, []))
    return {row["source_key"]: row for row in packs.supply(con, "legacy_erp", shape).to_pylist()}


def test_a_vendor_is_what_its_newest_change_says() -> None:
    other = ADDED | {"journal_no": 4, "vendor_no": "V2", "name": "Other"}
    rows = _rows("supplier", vendor=[RENAMED, ADDED, other])
    told = {key: (row["legal_name"], row["status"], row["_is_deleted"]) for key, row in rows.items()}
    assert told == {"V1": ("Acme Group", "active", False), "V2": ("Other", "active", False)}
    assert rows["V1"]["_change_seq"] == 4


def test_a_removed_vendor_keeps_its_last_name_and_is_gone() -> None:
    gone = _rows("supplier", vendor=[ADDED, REMOVED, RENAMED])["V1"]
    assert (gone["legal_name"], gone["_is_deleted"], gone["_change_seq"]) == ("Acme Group", True, 5)


def test_changes_that_were_archived_were_made_all_the_same() -> None:
    rows = _rows("supplier", vendor=[ADDED | {"_is_deleted": True}, RENAMED])
    assert (rows["V1"]["legal_name"], rows["V1"]["_is_deleted"]) == ("Acme Group", False)
    alone = _rows("supplier", vendor=[ADDED | {"_is_deleted": True}])
    assert (alone["V1"]["legal_name"], alone["V1"]["_is_deleted"]) == ("Acme", False)


def test_every_pack_of_a_unit_has_its_first_day_and_the_newest_is_ordered() -> None:
    smaller = BOX | {"valid_from": "2026-03-04", "multiplier": "45", "gtin": "2", "_change_seq": 6}
    item = {"item_no": "100001", "base_uom": "EA"}
    units = _rows("item_uom", item_uom=[smaller, BOX])
    assert {(str(row["valid_from"]), row["factor_to_base"]) for row in units.values()} == {
        ("2019-07-01", 50),
        ("2026-03-04", 45),
    }
    [row] = _rows("item", item=[item], item_uom=[smaller, BOX]).values()
    assert (row["pack_gtin"], row["_change_seq"]) == ("2", 6)
    [back] = _rows("item", item=[item], item_uom=[smaller | {"_is_deleted": True}, BOX]).values()
    assert back["pack_gtin"] == "1"


def test_a_remit_to_record_names_the_vendor_it_belongs_to() -> None:
    remit = ADDED | {"journal_no": 5, "vendor_no": "V1-R2", "name": "Acme Receivables"}
    rows = _rows("supplier", vendor=[ADDED, remit, ADDED | {"journal_no": 6, "vendor_no": "V-RX"}])
    assert {key: row["remit_of_no"] for key, row in rows.items()} == {"V1": None, "V1-R2": "V1", "V-RX": None}
