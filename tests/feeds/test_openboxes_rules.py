"""Rules of the OpenBoxes pack on rows made for the purpose: precedence, shared names, package sizes, tombstones."""

from __future__ import annotations

from typing import Any

import duckdb

from tests.feeds import packs

CONTRACTS = packs.pack_contracts("openboxes")


def _rows(shape: str, **feeds: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    for name, feed in CONTRACTS.items():
        packs.stage(con, feed, feeds.get(name, []))
    return {row["source_key"]: row for row in packs.supply(con, "openboxes", shape).to_pylist()}


def test_an_item_comes_from_the_best_export_that_still_has_it() -> None:
    listed = {"ProductCode": "A", "Name": "From the list", "Active": "false", "UPC": "012345678905"}
    counted = {"Product code": "A", "Product name": "From the count", "_change_seq": 7}
    best = _rows("item", product=[listed], inventory=[counted])["A"]
    assert (best["description"], best["status"], best["gtin"], best["base_uom"]) == (
        "From the list",
        "inactive",
        "012345678905",
        "EA",
    )
    assert best["_change_seq"] == 7
    fallback = _rows("item", product=[listed | {"_is_deleted": True}], inventory=[counted])["A"]
    assert (fallback["description"], fallback["_is_deleted"]) == ("From the count", False)
    gone = _rows("item", product=[listed | {"_is_deleted": True}])["A"]
    assert (gone["status"], gone["_is_deleted"]) == ("deleted", True)


def test_bins_of_one_name_in_two_depots_are_two_locations() -> None:
    depots = [{"name": n, "locationType": "Depot", "locationNumber": n[0], "active": "TRUE"} for n in ("East", "West")]
    bins = [{"name": "R1", "locationType": "Bin Location", "parentLocation": d["name"]} for d in depots]
    rows = _rows("location", location=[*depots, *bins])
    assert {k: (r["type"], r["facility_code"], r["parent_location_key"]) for k, r in rows.items()} == {
        "East": ("warehouse", "E", None),
        "West": ("warehouse", "W", None),
        "East/R1": ("bin", "E", "East"),
        "West/R1": ("bin", "W", "West"),
    }


def test_a_listed_bin_is_the_one_that_counts_name() -> None:
    place = {"name": "R1", "locationType": "Bin Location", "parentLocation": "East"}
    rows = _rows("location", location=[place], inventory=[{"Product code": "A", "Bin location": "R1"}])
    assert (list(rows), rows["R1"]["parent_location_key"]) == (["R1"], "East")


def test_two_sizes_of_one_package_are_told_apart() -> None:
    def source(supplier: str, package: str, size: str) -> dict[str, Any]:
        return {"Product Code": "A", "Supplier Name": supplier, "Default Package Type": package} | {
            "Quantity per Package": size
        }

    rows = _rows(
        "item_uom", product_supplier=[source("S", "BX", "100"), source("T", "BX", "76"), source("U", "CS", "400")]
    )
    assert {r["from_uom"]: int(r["factor_to_base"]) for r in rows.values()} == {"BX/100": 100, "BX/76": 76, "CS": 400}


def test_a_product_without_vendor_names_no_supplier() -> None:
    products = [{"ProductCode": "A", "Vendor": "Acme", "VendorCode": "A-1"}, {"ProductCode": "B"}]
    assert list(_rows("item_supplier", product=products)) == ["A|Acme|A-1"]
    assert list(_rows("supplier", product=products)) == ["Acme"]


def test_organizations_by_role() -> None:
    roles = [
        ("Us", "ROLE_BUYER"),
        ("Acme", "ROLE_SUPPLIER"),
        ("Haul", "ROLE_DISTRIBUTOR"),
        ("Acme", "ROLE_DISTRIBUTOR"),
    ]
    rows = [{"Organization": name, "Party Role": role} for name, role in roles]
    assert {k: r["is_distributor"] for k, r in _rows("supplier", organization=rows).items()} == {
        "Acme": True,
        "Haul": True,
    }
    assert list(_rows("location", organization=rows)) == ["organization/Us"]
