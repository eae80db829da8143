"""Finance, stocking and recalls: par levels, AP automation, the cloud ERP's books, notices, finance tables of the ERP.

Here: running their SQL and writing their files, which come whole and in time. Not here: what happened
(`model/finance.sql`, `model/stocking.sql`, `model/recalls.sql`), files with defects of their own (`drop`).
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from sample_network.model.world import run, script
from sample_network.systems.drop import HERE, Writers, sections
from sample_network.systems.erp import Sink

MODEL = HERE.parent / "model"
#: First line of the files of a feed; of `stocking` by the ending of the file.
HEADERS = {
    "supplier": "SupplierId|Name|ErpVendor|Terms|Status",
    "invoice": "InvoiceId|SupplierId|InvoiceNumber|Kind|PurchaseOrder|BusinessUnit|InvoiceDate|TotalAmount|"
    "FreightAmount|Currency|DueDate|Status|HoldReason",
    "payment": "PaymentNumber|Line|PaymentDate|Method|RemitTo|InvoiceNumber|BusinessUnit|InvoiceAmount|Discount|"
    "PaidAmount|Currency",
    "journal": "COMPANY,JOURNAL,LINE,COST_CENTER,ACCOUNT,ENTERED_DR,ENTERED_CR,CURRENCY_CODE,ACCOUNTING_DATE,"
    "PERIOD_NAME,SOURCE",
    "commitment": "COMPANY,PO_NUMBER,SEQUENCE,COST_CENTER,ACCOUNT,TYPE,AMOUNT,CURRENCY_CODE,ACCOUNTING_DATE,"
    "INVOICE_NUM",
    "budget": "COMPANY,COST_CENTER,ACCOUNT,FISCAL_YEAR,PERIOD,AMOUNT,CURRENCY_CODE",
    "recall": "recall_no,notice_date,recall_class,manufacturer,mfr_part_no,gtin,description,lot_no,reason",
    "request": "request_no,requested_at,location,item_id,qty,uom,from,po_no,po_line_no",
    "csv": "item_id,location,par_qty,reorder_qty,max_qty,review_days,formulary",
    "txt": "Item;Store;Par;Reorder;Maximum;Review days;Formulary",
    "tsv": "Item\tPar\tPar Qty\tReorder Qty\tMax Qty\tReview Days\tOn Formulary",
}
#: Ending of a stocking file -> encoding, line end.
DIALECTS = {"csv": ("utf-8", "\n"), "txt": ("cp1252", "\r\n"), "tsv": ("utf-8-sig", "\n")}


def prepare_business(con: duckdb.DuckDBPyConnection) -> None:
    """The shared tables: chart of accounts, cost centres, budgets, recalls and their lots."""
    run(con, script("budgets.sql", MODEL))
    run(con, script("recalls.sql", MODEL))


def write_business_network(con: duckdb.DuckDBPyConnection, root: Path, sink: Sink, writers: Writers) -> None:
    """What every hospital shares: accounts, cost centres, budgets, AP automation's suppliers, recall notices."""
    _fill(con, sink, "shared")
    _write(con, root, sections("finance_files.sql")["shared"], writers)


def write_business_site(con: duckdb.DuckDBPyConnection, root: Path, writers: Writers) -> None:
    """Files of the sites the world is at; leaves the tables of finance.sql and stocking.sql."""
    run(con, script("finance.sql", MODEL))
    run(con, script("stocking.sql", MODEL))
    _write(con, root, f"{sections('finance_files.sql')['site']} UNION ALL ({script('stocking.sql', HERE)})", writers)


def write_site_books(con: duckdb.DuckDBPyConnection, sink: Sink) -> None:
    """Finance rows of the ERP, from the tables of finance.sql. In the order of sites: the database keeps it."""
    _fill(con, sink, "site")


def _fill(con: duckdb.DuckDBPyConnection, sink: Sink, part: str) -> None:
    for name, query in sections("finance_tables.sql").items():
        of_part, table = name.split("__")
        if of_part == part:
            sink.fill(table, con.execute(query).fetchall())


def _write(con: duckdb.DuckDBPyConnection, root: Path, lines_sql: str, writers: Writers) -> None:
    """Lines to files, and to truth.file. A file that is there stays."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE plain_file AS SELECT folder, feed, file, available, count(*) AS rows, "
        f"string_agg(text, chr(10) ORDER BY ord, sub_ord) AS text FROM ({lines_sql}) "
        "WHERE available <= getvariable('until') GROUP BY folder, feed, file, available"
    )
    con.execute(
        "INSERT INTO truth.file SELECT folder, feed, file, available, available, rows, [] FROM plain_file "
        "WHERE NOT ends_with(folder, '_unread') ORDER BY folder, feed, file"
    )
    for folder, feed, name, text in con.sql("SELECT folder, feed, file, text FROM plain_file ORDER BY ALL").fetchall():
        writers.write(root / folder, name, _content(feed, name, text))


def _content(feed: str, name: str, text: str) -> bytes:
    ending = name.rpartition(".")[2]
    encoding, line_end = DIALECTS[ending] if feed == "stocking" else ("utf-8", "\n")
    lines = f"{HEADERS[ending if feed == 'stocking' else feed]}\n{text}\n"
    return lines.replace("\n", line_end).encode(encoding)
