"""Finance of the simulated network: what the books say is computed again from the extracts, with exact decimals."""

from __future__ import annotations

import csv
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from sample_network.build import build
from sample_network.mess.kinds import kinds
from sample_network.model.plan import Plan

Line = tuple[str, str]
FEBRUARY, MARCH = date(2026, 2, 28), date(2026, 3, 31)
MOVED = {"NORTH": date(2026, 3, 5), "SOUTH": date(2026, 3, 12)}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hospital whose extracts have no defects, so that they can be added up."""
    folder = tmp_path_factory.mktemp("finance") / "clean"
    build(folder, Plan(seed=11, facilities=1, days=40, without=frozenset(k.name for k in kinds())))
    return folder


@pytest.fixture(scope="module")
def clean_truth(clean: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(clean / "truth.duckdb"), read_only=True)


def erp(folder: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "legacy_erp.sqlite")) as con:
        return con.execute(sql).fetchall()


def files(folder: Path, pattern: str, delimiter: str = ",") -> Iterator[dict[str, str]]:
    for path in sorted(folder.glob(pattern)):
        yield from csv.DictReader(path.read_text("utf-8").splitlines(), delimiter=delimiter)


def exact(value: object) -> Decimal:
    return Decimal(str(value))


def prices(folder: Path) -> dict[Line, tuple[str, Decimal, Decimal]]:
    """Order line -> unit, price per unit, price per base unit in whole ten-thousandths."""
    sql = "SELECT po_no, line_no, uom, unit_price, multiplier FROM po_line"
    return {
        (str(po), str(line)): (str(uom), exact(price), exact(price) * 10000 // exact(factor) / 10000)
        for po, line, uom, price, factor in erp(folder, sql)
    }


def at_order_price(price: tuple[str, Decimal, Decimal], qty: str, uom: str) -> Decimal:
    return exact(qty) * (price[1] if uom == price[0] else price[2])


def received_by(folder: Path, day: date) -> dict[Line, Decimal]:
    known, found = prices(folder), defaultdict[Line, Decimal](Decimal)
    for row in files(folder / "north_inventory", "receipts_????????.csv"):
        if date.fromisoformat(row["received_date"]) <= day:
            line = (row["po_no"], row["po_line_no"])
            found[line] += at_order_price(known[line], row["qty"], row["uom"])
    return found


def invoiced_by(folder: Path, day: date) -> dict[Line, Decimal]:
    """Goods on invoices of both ERPs, second copies (A) and credits (CM) left out."""
    known, found = prices(folder), defaultdict[Line, Decimal](Decimal)
    legacy = (
        "SELECT invoice_no, po_no, po_line_no, qty, uom, invoice_date FROM invoice_line WHERE po_line_no IS NOT NULL"
    )
    stated = [tuple(str(v) for v in row) for row in erp(folder, legacy)]
    names = ("INVOICE_NUM", "PO_NUMBER", "PO_LINE_NUM", "QUANTITY_INVOICED", "UOM_CODE", "INVOICE_DATE")
    stated += [tuple(row[n] for n in names) for row in files(folder / "cloud_erp", "AP_INVOICES_*.csv")]
    for invoice_no, po_no, po_line, qty, uom, invoiced in stated:
        is_goods = po_line and invoice_no.startswith("INV") and not invoice_no.endswith("A")
        if is_goods and po_no.startswith("P001") and date.fromisoformat(invoiced) <= day:
            found[po_no, po_line] += at_order_price(known[po_no, po_line], qty, uom)
    return found


@pytest.mark.parametrize("day", [FEBRUARY, MARCH])
def test_grni_is_what_was_received_less_what_was_invoiced(
    clean: Path, clean_truth: duckdb.DuckDBPyConnection, day: date
) -> None:
    received, invoiced = received_by(clean, day), invoiced_by(clean, day)
    open_lines = {line: received[line] - invoiced[line] for line in received.keys() | invoiced.keys()}
    said = clean_truth.execute(
        "SELECT po_no, CAST(po_line AS VARCHAR), accrual_amount - over_invoiced_amount, accrual_amount >= 0, "
        "least(accrual_amount, over_invoiced_amount) FROM grni "
        "WHERE facility = 'NORTH' AND as_of = ? AND is_period_end",
        [day],
    ).fetchall()
    assert len(said) > 100
    assert {(po, line): amount for po, line, amount, *_ in said} == {k: v for k, v in open_lines.items() if v}
    assert {(positive, smaller) for *_, positive, smaller in said} == {(True, 0)}


# -- the ledgers -------------------------------------------------------------------------------------------


Posting = tuple[int, str, int, Decimal, date]


def legacy_postings(folder: Path) -> list[Posting]:
    sql = "SELECT company, journal_no, account, amount, posting_date FROM gl_posting"
    return [
        (int(str(c)), str(j), int(str(a)), exact(v), date.fromisoformat(str(d))) for c, j, a, v, d in erp(folder, sql)
    ]


def cloud_postings(folder: Path) -> list[Posting]:
    return [
        (
            int(row["COMPANY"]), row["JOURNAL"], int(row["ACCOUNT"]),
            exact(row["ENTERED_DR"] or 0) - exact(row["ENTERED_CR"] or 0), date.fromisoformat(row["ACCOUNTING_DATE"]),
        )
        for row in files(folder / "cloud_finance", "GL_JOURNALS_*.csv")
    ]  # fmt: skip


def test_journals_balance_and_the_account_of_grni_ties_to_its_lines(
    months: Path, months_truth: duckdb.DuckDBPyConnection
) -> None:
    postings = legacy_postings(months) + cloud_postings(months)
    balance, account = defaultdict[tuple[int, str], Decimal](Decimal), defaultdict[tuple[int, date], Decimal](Decimal)
    for company, journal_no, account_no, amount, day in postings:
        balance[company, journal_no] += amount
        for end in (FEBRUARY, MARCH):
            if account_no == 2110 and day <= end:
                account[company, end] -= amount
    assert len(balance) > 200
    assert set(balance.values()) == {Decimal(0)}
    said = months_truth.sql("""
        SELECT CASE facility WHEN 'DC1' THEN 100 WHEN 'NORTH' THEN 101 ELSE 102 END, as_of,
            sum(accrual_amount) - sum(over_invoiced_amount) FROM grni WHERE is_period_end GROUP BY ALL""").fetchall()
    assert len(said) == 6
    assert {(company, day): amount for company, day, amount in said} == account


def test_accounts_payable_are_invoices_entered_less_payments(months: Path) -> None:
    """At every hospital, and at its cut between the ledgers too: nothing is in both and nothing in neither."""
    paid = {
        (row["BusinessUnit"], row["InvoiceNumber"]): exact(row["InvoiceAmount"])
        for row in files(months / "ap_automation", "payments_*.txt", "|")
        if date.fromisoformat(row["PaymentDate"]) <= MARCH
    }
    entered: dict[tuple[str, str], Decimal] = {}
    for row in files(months / "ap_automation", "invoices_*.txt", "|"):
        if row["HoldReason"] != "DUPLICATE" and date.fromisoformat(row["InvoiceDate"]) <= MARCH:
            entered[row["BusinessUnit"], row["InvoiceNumber"]] = exact(row["TotalAmount"])
    for company, unit in ((100, "DC1"), (101, "NORTH"), (102, "SOUTH")):
        postings = legacy_postings(months) + cloud_postings(months)
        owed = -sum(v for c, _, account, v, day in postings if (c, account) == (company, 2010) and day <= MARCH)
        amounts = [sum(v for (u, _), v in some.items() if u == unit) for some in (entered, paid)]
        assert owed == amounts[0] - amounts[1] > 0


def test_a_ledger_ends_on_the_day_on_which_the_other_begins(months: Path) -> None:
    companies = {101: MOVED["NORTH"], 102: MOVED["SOUTH"]}
    legacy, cloud = legacy_postings(months), cloud_postings(months)
    for company, moved in companies.items():
        assert 0 <= (moved - max(day for c, *_, day in legacy if c == company)).days - 1 <= 2
        assert 0 <= (min(day for c, *_, day in cloud if c == company) - moved).days <= 2
    assert {c for c, *_ in cloud} == set(companies)
    assert max(day for c, *_, day in legacy if c == 100) > date(2026, 3, 31)
    ends = {
        row["PO_NUMBER"][:4]: date.fromisoformat(row["ACCOUNTING_DATE"])
        for row in files(months / "cloud_finance", "COMMITMENTS_*.csv")
    }
    assert set(ends) == {"P001", "P002"}


def test_keys_of_the_legacy_ledger_are_right_justified_and_dates_are_numbers(months: Path) -> None:
    units = erp(months, "SELECT acct_unit, from_date, to_date, typeof(from_date) FROM cost_centre")
    assert len(units) > 8
    assert {(len(str(unit)), str(unit) == str(unit).strip().rjust(15)) for unit, *_ in units} == {(15, True)}
    assert {row[1:] for row in units} == {(20190701, 0, "integer")}
    orders = erp(months, "SELECT DISTINCT length(po_no), substr(po_no, 1, 5), typeof(posting_date) FROM commitment")
    assert {(n, blank) for n, blank, _ in orders} == {(14, "     ")}
    assert {kind for *_, kind in orders} == {"integer"}


# -- commitments, budgets, payments ------------------------------------------------------------------------


def test_orders_are_encumbered_with_their_amount_and_relieved_by_invoices(clean: Path) -> None:
    ordered = dict(
        erp(
            clean, "SELECT po_no, CAST(sum(CAST(round(ext_amount * 10000) AS INTEGER)) AS TEXT) FROM po_line GROUP BY 1"
        )
    )
    rows = [
        (str(po).strip(), str(kind), exact(amount))
        for po, kind, amount in erp(clean, "SELECT po_no, kind, amount FROM commitment")
    ]
    rows += [
        (row["PO_NUMBER"], {"ENCUMBER": "E", "RELEASE": "X", "RELIEVE": "R"}[row["TYPE"]], exact(row["AMOUNT"]))
        for row in files(clean / "cloud_finance", "COMMITMENTS_*.csv")
    ]
    encumbered = {po: amount for po, kind, amount in rows if kind == "E"}
    assert len(encumbered) > 500
    assert encumbered == {po: exact(ordered[po]) / 10000 for po in encumbered}
    relieved = defaultdict[str, Decimal](Decimal)
    for po, kind, amount in rows:
        relieved[po] -= amount if kind == "R" else 0
    billed = defaultdict[str, Decimal](Decimal)
    for (po, _), amount in invoiced_by(clean, date(2026, 3, 31)).items():
        billed[po] += amount
    assert {po: v for po, v in relieved.items() if v and po.startswith("P001")} == {
        po: v for po, v in billed.items() if v
    }


def test_budgets_cover_every_period_and_move_with_the_hospital(months: Path) -> None:
    rows = erp(months, "SELECT company, trim(acct_unit), account, fiscal_year, period, amount FROM budget")
    assert len(rows) == 12 * 2 * len(erp(months, "SELECT 1 FROM cost_centre"))
    assert {row[3] for row in rows} == {2026}
    legacy = {tuple(map(str, row[:5])): exact(row[5]) for row in rows if row[0] == 101}
    names = ("COMPANY", "COST_CENTER", "ACCOUNT", "FISCAL_YEAR", "PERIOD")
    moved = {
        tuple(row[n] for n in names): exact(row["AMOUNT"])
        for row in files(months / "cloud_finance", "BUDGETS_NORTH_*.csv")
    }
    assert moved == legacy


def test_payments_are_of_released_invoices_once_and_on_the_days_of_runs(
    months: Path, months_truth: duckdb.DuckDBPyConnection
) -> None:
    rows = list(files(months / "ap_automation", "payments_*.txt", "|"))
    numbers = [row["InvoiceNumber"] for row in rows]
    assert len(numbers) == len(set(numbers)) > 300
    assert {date.fromisoformat(row["PaymentDate"]).strftime("%a") for row in rows} == {"Tue", "Thu"}
    assert not [n for n in numbers if n.endswith("A")]
    assert all(exact(r["InvoiceAmount"]) - exact(r["Discount"]) == exact(r["PaidAmount"]) for r in rows)
    told = months_truth.sql("SELECT invoice_no, payment_date, paid FROM payment").fetchall()
    assert sorted(told) == sorted(
        (row["InvoiceNumber"], date.fromisoformat(row["PaymentDate"]), exact(row["PaidAmount"])) for row in rows
    )
    days = {row["InvoiceNumber"]: row["PaymentDate"] for row in rows}
    credits = [n for n in numbers if n.startswith("CM")]
    assert len(credits) > 5
    assert all(days[n] == days[n.replace("CM", "INV")] for n in credits)
    blocked = months_truth.sql("""
        SELECT count(*) FILTER (WHERE paid_date IS NOT NULL AND result = 'qty'),
            count(*) FILTER (WHERE paid_date IS NOT NULL AND kind = 'duplicate'),
            count(*) FILTER (WHERE paid_date IS NOT NULL AND result = 'matched') FROM invoice_match""").fetchall()[0]
    assert blocked[:2] == (0, 0)
    assert blocked[2] > 300


def test_holds_are_where_the_match_failed(months: Path, months_truth: duckdb.DuckDBPyConnection) -> None:
    first: dict[str, dict[str, str]] = {}
    last: dict[str, dict[str, str]] = {}
    for row in files(months / "ap_automation", "invoices_*.txt", "|"):
        first.setdefault(row["InvoiceNumber"], row)
        last[row["InvoiceNumber"]] = row
    failed = dict(
        months_truth.sql("""
        SELECT invoice_no, list(DISTINCT result) FROM invoice_match
        WHERE result NOT IN ('matched', 'uom', 'item', 'credit')
        GROUP BY invoice_no""").fetchall()
    )
    held = {
        n: row["HoldReason"]
        for n, row in first.items()
        if row["Status"] != "APPROVED" and row["HoldReason"] != "REVIEW"
    }
    assert len(held) > 50
    assert held.keys() == failed.keys() & first.keys()
    names = {"PRICE": "price", "QUANTITY": "qty", "DUPLICATE": "duplicate"}
    assert all(names[reason] in failed[invoice] for invoice, reason in held.items())
    assert {last[n]["Status"] for n in held if f"CM{n[3:]}" in last and failed[n] == ["price"]} <= {
        "APPROVED",
        "ON HOLD",
    }
    assert any(last[n]["Status"] == "APPROVED" for n in held)
