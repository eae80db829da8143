"""The whole simulated network: the same everywhere, in pieces as at once, true to its extracts, and judged rightly."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pytest
import sqlalchemy as sa
import yaml
from stdnum import ean

from connectors.network import Network
from sample_network.build import NETWORK_FILE, build
from sample_network.mess.kinds import kinds, macros
from sample_network.model.plan import FIRST_DAY, Plan
from sample_network.model.world import open_world
from sample_network.score import Measure, below_floors, score
from sample_network.systems.sites import LAYOUTS
from sample_network.systems.unread import packed_decimals
from tests.feeds import packs
from tests.postgres import PostgresServer

SMALL = Plan(seed=11, facilities=3, days=15)
HERE = Path(__file__).parent
#: Holds an id drawn at random; its content is summed up in truth.sha256, which is compared.
NOT_BYTES = {"truth.duckdb"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network") / "made"
    build(folder, SMALL)
    return folder


@pytest.fixture(scope="module")
def truth(made: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(made / "truth.duckdb"), read_only=True)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name not in NOT_BYTES
    }


def one(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[object, ...]:
    rows = con.sql(sql).fetchall()
    assert len(rows) == 1
    return tuple(rows[0])


# -- the same everywhere -----------------------------------------------------------------------------------


#: Digest of all files of 2 hospitals x 4 days of seed 5: what any machine makes of them.
EVERY_BYTE = "5d696b8c20c28c7ad076a2bba7be2988a7a91a0e0b25ab701885faa1b98699ba"


def _in_a_process(folder: Path, hash_seed: str, threads: int) -> None:
    code = (
        "from pathlib import Path; from sample_network.build import build; from sample_network.model.plan import Plan; "
        f"build(Path({str(folder)!r}), Plan(seed=5, facilities=2, days=4), threads={threads})"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": "Asia/Tokyo" if threads == 1 else "UTC"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=packs.ROOT)


def test_same_seed_same_bytes_whatever_the_process(tmp_path: Path) -> None:
    """Nothing but the plan decides: not hash seed, threads or time zone, not the machine that noted EVERY_BYTE."""
    _in_a_process(tmp_path / "a", "1", threads=1)
    _in_a_process(tmp_path / "b", "2", threads=3)
    one_run, other = digests(tmp_path / "a"), digests(tmp_path / "b")
    assert len(one_run) > 50
    assert one_run == other
    every_byte = hashlib.sha256("".join(f"{name} {digest}\n" for name, digest in sorted(one_run.items())).encode())
    assert every_byte.hexdigest() == EVERY_BYTE, "files changed; where that is meant, note the new digest"


def test_pieces_are_the_whole(made: Path, tmp_path: Path) -> None:
    start = datetime.combine(FIRST_DAY, datetime.min.time(), UTC)
    first_files: dict[str, str] = {}
    for until in (start + timedelta(days=2, hours=13), start + timedelta(days=9, hours=4), None):
        before = digests(tmp_path / "played") if until != start + timedelta(days=2, hours=13) else {}
        build(tmp_path / "played", Plan(seed=11, facilities=3, days=15, until=until))
        after = digests(tmp_path / "played")
        kept = {n: d for n, d in before.items() if "/" in n}
        assert kept.items() <= after.items(), "a dropped file never changes"
        assert len(after) > len(before)
        first_files = first_files or after
    assert digests(tmp_path / "played") == digests(made)
    assert len(first_files) < len(digests(made)) / 2


def test_one_more_hospital_changes_no_file_of_the_others(made: Path, tmp_path: Path) -> None:
    build(tmp_path / "fewer", Plan(seed=11, facilities=2, days=15))
    few, many = digests(tmp_path / "fewer"), digests(made)
    own = {n for n in few if re.search(r"north_inventory|south_inventory|NORTH|SOUTH|procurement/", n)}
    assert len(own) > 150
    assert {n: few[n] for n in own} == {n: many[n] for n in own}


def test_another_seed_is_another_network(tmp_path: Path, made: Path) -> None:
    build(tmp_path / "other", Plan(seed=12, facilities=1, days=2))
    names = ("north_inventory/items_20260223.csv", "north_inventory/stock_20260224.csv")
    assert all((tmp_path / "other" / n).read_bytes() != (made / n).read_bytes() for n in names)


def test_hourly_files_have_the_rows_of_the_nightly_ones(tmp_path: Path, made: Path) -> None:
    build(tmp_path / "hourly", Plan(seed=11, facilities=1, days=4, hourly=True, without=frozenset({"file_corrected"})))
    hours = sorted((tmp_path / "hourly" / "north_inventory").glob("usage_20260224_??.csv"))
    assert len(hours) > 12
    rows = [line for path in hours for line in path.read_text().splitlines()[1:]]
    assert rows == (made / "north_inventory" / "usage_20260224.csv").read_text().splitlines()[1:]


def test_sizes_that_cannot_be_numbered_and_unknown_defects_are_refused() -> None:
    for wrong in ({"facilities": 0}, {"days": 1000}):
        with pytest.raises(ValueError, match="facilities"):
            Plan(**wrong)
    with pytest.raises(ValueError, match="no such defect: rain"):
        macros({"rain"})


# -- true to the extracts ----------------------------------------------------------------------------------


def _csv_keys(folder: Path, pattern: str, delimiter: str, encoding: str) -> set[str]:
    return {
        row[0]
        for path in folder.glob(pattern)
        for row in list(csv.reader(path.read_text(encoding).splitlines(), delimiter=delimiter))[1:]
    }


@pytest.mark.parametrize(
    ("source", "domain", "pattern", "delimiter", "encoding"),
    [
        ("north_inventory", "item", "items_*.csv", ",", "utf-8"),
        ("north_inventory", "location", "locations_*.csv", ",", "utf-8"),
        ("south_inventory", "item", "ITM_*.txt", ";", "cp1252"),
        ("south_inventory", "location", "LOC_*.txt", ";", "cp1252"),
        ("h03_inventory", "item", "parlevel-items-*.tsv", "\t", "utf-8-sig"),
        ("h03_inventory", "location", "parlevel-places-*.tsv", "\t", "utf-8-sig"),
        ("warehouse", "item", "items_*.csv", ",", "utf-8"),
        ("warehouse", "location", "locations_*.csv", ",", "utf-8"),
        ("procurement", "item", "catalogue_*.csv", ",", "utf-8"),
        ("procurement", "supplier", "suppliers_*.csv", ",", "utf-8"),
        ("cloud_erp", "item", "ITEMS_*.csv", ",", "utf-8"),
        ("cloud_erp", "supplier", "SUPPLIERS_*.csv", ",", "utf-8"),
    ],
)
def test_crosswalk_has_the_keys_of_the_extract(
    made: Path,
    truth: duckdb.DuckDBPyConnection,
    source: str,
    domain: str,
    pattern: str,
    delimiter: str,
    encoding: str,
) -> None:
    found = _csv_keys(made / source, pattern, delimiter, encoding)
    listed = truth.execute(
        "SELECT source_key FROM crosswalk WHERE source_system = ? AND domain = ?", [source, domain]
    ).fetchall()
    assert len(found) >= 5
    assert found == {key for (key,) in listed}


def test_crosswalk_has_the_keys_of_the_erp(made: Path, truth: duckdb.DuckDBPyConnection) -> None:
    with sqlite3.connect(made / "legacy_erp.sqlite") as erp:
        for domain, sql in (
            ("item", "SELECT item_no FROM item_master"),
            ("supplier", "SELECT vendor_no FROM vendor"),
            ("location", "SELECT location_code FROM location"),
        ):
            keys = {row[0] for row in erp.execute(sql)}
            listed = truth.execute(
                "SELECT source_key FROM crosswalk WHERE source_system = 'legacy_erp' AND domain = ?", [domain]
            ).fetchall()
            assert keys == {key for (key,) in listed}


def test_a_key_means_one_entity_and_every_entity_is_listed(truth: duckdb.DuckDBPyConnection) -> None:
    twice = (
        "SELECT count(*) FROM (SELECT 1 FROM crosswalk GROUP BY domain, source_system, source_key HAVING count(*) > 1)"
    )
    assert one(truth, twice) == (0,)
    lost = "SELECT count(*) FROM crosswalk ANTI JOIN entity USING (domain, entity_id)"
    assert one(truth, lost) == (0,)
    again = "SELECT count(*) - count(DISTINCT (table_name, source_system, source_key)) FROM fact"
    assert one(truth, again) == (0,)


def test_erp_rows_are_the_facts_of_the_truth(made: Path, truth: duckdb.DuckDBPyConnection) -> None:
    with sqlite3.connect(made / "legacy_erp.sqlite") as erp:
        for table in ("po_line", "invoice_line"):
            n, cents = erp.execute(
                f"SELECT count(*), sum(CAST(round(ext_amount * 10000) AS INTEGER)) FROM {table}"
            ).fetchone()
            facts = f"FROM fact WHERE source_system = 'legacy_erp' AND table_name = 'fact_{table}'"
            sql = f"SELECT count(*), sum(amount) {facts}"
            assert one(truth, sql) == (n, Decimal(cents) / 10000)


def test_what_was_received_was_moved_and_stock_adds_up(truth: duckdb.DuckDBPyConnection, made: Path) -> None:
    received = "SELECT sum(qty_base) FROM fact WHERE table_name = 'fact_receipt_line' AND source_system = 'warehouse'"
    booked = Counter[str]()
    for path in (made / "warehouse").glob("moves_????????.csv"):
        for row in csv.DictReader(path.read_text().splitlines()):
            booked[f"{row['from_zone']}>{row['to_zone']}"] += int(row["qty"])
            booked[row["move_type"]] += int(row["qty"])
    assert one(truth, received) == (booked["RECV>BULK"] - booked["BULK>RECV"],)
    assert booked["BULK>PICK"] == booked["I"] > 0
    # Stock of a hospital moves by receipts, transfers and use, and by nothing else.
    balance = """
        WITH last AS (SELECT max(day) AS day FROM stock), first AS (SELECT min(day) AS day FROM stock),
        by_item AS (
            SELECT f.source_system, f.item_id, sum(f.qty_base) AS change FROM fact AS f, first
            WHERE f.event_date > first.day AND f.source_system LIKE '%_inventory' AND f.item_id IS NOT NULL
                AND f.table_name IN ('fact_receipt_line', 'fact_stock_movement')
            GROUP BY ALL),
        moved AS (
            SELECT concat(lower(s.facility), '_inventory') AS source_system, s.item_id,
                max(s.on_hand_qty) FILTER (WHERE s.day = last.day)
                    - max(s.on_hand_qty) FILTER (WHERE s.day = first.day) AS change
            FROM stock AS s, last, first WHERE s.facility <> 'DC1' GROUP BY ALL)
        SELECT count(*), count(*) FILTER (WHERE m.change <> coalesce(b.change, 0))
        FROM moved AS m LEFT JOIN by_item AS b USING (source_system, item_id)"""
    items, off = one(truth, balance)
    unknown = one(truth, "SELECT count(*) FROM defect WHERE kind = 'item_unknown' AND feed = 'receipt'")
    assert int(str(items)) > 1000
    assert int(str(off)) <= int(str(unknown[0])), "only receipts under an unknown item number are missing in their item"


def test_snapshots_are_the_true_stock(truth: duckdb.DuckDBPyConnection) -> None:
    sql = """
        SELECT count(*), count(*) FILTER (WHERE s.on_hand_qty <> coalesce(f.qty, 0)) FROM stock AS s
        LEFT JOIN (SELECT location_id, item_id, event_date, sum(qty_base) AS qty FROM fact
            WHERE table_name = 'fact_stock_snapshot' GROUP BY ALL) AS f
        ON f.location_id = s.location_id AND f.item_id = s.item_id AND f.event_date = s.day"""
    rows, off = one(truth, sql)
    assert int(str(rows)) > 20_000
    assert off == 0


def test_identifiers_have_valid_check_digits(made: Path) -> None:
    with sqlite3.connect(made / "legacy_erp.sqlite") as erp:
        glns = [
            r[0] for r in erp.execute("SELECT gln FROM location UNION SELECT gln FROM vendor WHERE gln IS NOT NULL")
        ]
        packs_gtin = [r[0] for r in erp.execute("SELECT gtin FROM item_uom")]
        gtins = [r[0] for r in erp.execute("SELECT gtin FROM item_master WHERE gtin IS NOT NULL")]
    assert len(glns) > 70
    assert len(packs_gtin) > 2000
    assert [g for g in glns + packs_gtin if not ean.is_valid(g)] == []
    assert 0 < len([g for g in gtins if not ean.is_valid(g)]) < 20


# -- defects at their places -------------------------------------------------------------------------------


def _line(made: Path, truth: duckdb.DuckDBPyConnection, kind: str, ending: str = "") -> str:
    source, file, line = truth.execute(
        "SELECT source_system, file, line FROM defect WHERE kind = ? AND ends_with(file, ?) ORDER BY ALL LIMIT 1",
        [kind, ending],
    ).fetchall()[0]
    return (made / source / file).read_bytes().splitlines()[line - 1].decode("latin-1")


def test_row_defects_are_where_the_truth_says(made: Path, truth: duckdb.DuckDBPyConnection) -> None:
    assert re.search(r"-13-40|31\.13\.|13/40/", _line(made, truth, "expiry_impossible"))
    assert re.search(r"9999", _line(made, truth, "expiry_sentinel"))
    assert re.search(r";08\.03\.2026 02:30;|\t03/08/2026 02:30 AM\t", _line(made, truth, "dst_gap"))
    assert "\t03/08/2026 02:30 AM\t" not in _line(made, truth, "patient_canary")
    assert "Canary, Pat MRN 0048" in _line(made, truth, "patient_canary", ".csv")
    assert "=HYPERLINK" in _line(made, truth, "text_formula")
    assert "DROP TABLE" in _line(made, truth, "text_sql")
    assert "<script>" in _line(made, truth, "text_html")
    bad = re.search(r"\d{14}", _line(made, truth, "gtin_bad_check", "items_20260223.csv"))
    assert bad
    assert not ean.is_valid(bad[0])


def test_every_gtin_of_another_item_is_listed(made: Path, truth: duckdb.DuckDBPyConnection) -> None:
    rows = list(csv.DictReader((made / "north_inventory" / "items_20260223.csv").read_text("utf-8").splitlines()))
    right = dict(
        truth.execute(
            "SELECT c.source_key, a.value FROM crosswalk AS c JOIN attribute AS a USING (domain, entity_id) "
            "WHERE c.source_system = 'north_inventory' AND domain = 'item' AND attribute = 'gtin14'"
        ).fetchall()
    )
    wrong = {r["item_id"] for r in rows if r["gtin"].strip("0") and r["gtin"] != right[r["item_id"]]}
    listed = truth.execute(
        "SELECT source_key FROM defect WHERE source_system = 'north_inventory' AND file = 'items_20260223.csv' "
        "AND kind IN ('gtin_bad_check', 'gtin_of_lookalike')"
    ).fetchall()
    assert wrong == {key for (key,) in listed} != set()


def test_file_defects_are_in_the_folders(tmp_path: Path) -> None:
    """Of 40 days of files, each kind befalls some."""
    build(tmp_path / "n", Plan(seed=4, facilities=2, days=40))
    con = duckdb.connect(str(tmp_path / "n" / "truth.duckdb"), read_only=True)
    struck = con.sql("SELECT kind, source_system, file FROM defect WHERE line IS NULL AND kind LIKE 'file%'").fetchall()
    assert {k for k, *_ in struck} >= {"file_duplicate", "file_truncated", "file_late"}
    for kind, source, name in struck:
        path = tmp_path / "n" / source / name
        stem, _, ending = name.rpartition(".")
        if kind in {"file_truncated", "file_total_wrong"}:
            whole = path.with_name(f"{stem}_resent.{ending}").read_bytes()
            assert path.read_bytes() != whole
            assert kind == "file_total_wrong" or whole.startswith(path.read_bytes())
        if kind == "file_duplicate":
            assert path.with_name(f"{stem}_again.{ending}").exists()
    lines = sum(
        len(p.read_bytes().splitlines()) for p in (tmp_path / "n" / "north_inventory").glob("items_20260223.csv")
    )
    assert lines > 300


def test_without_any_defect_nothing_is_refused_or_found(tmp_path: Path) -> None:
    build(tmp_path / "clean", Plan(seed=11, facilities=1, days=3, without=frozenset(k.name for k in kinds())))
    con = duckdb.connect(str(tmp_path / "clean" / "truth.duckdb"), read_only=True)
    assert one(con, "SELECT count(*) FROM defect") == (0,)
    assert one(con, "SELECT count(*) FROM fact WHERE expected <> 'published'") == (0,)


# -- formats -----------------------------------------------------------------------------------------------


def test_the_network_file_is_one_and_its_packs_read_these_headers(made: Path) -> None:
    network = Network.model_validate(yaml.safe_load((made / NETWORK_FILE).read_text("utf-8")))
    for name, source in network.sources.items():
        for layout in LAYOUTS.get(source.system, ()):
            feed = packs.pack_contracts(source.system)[layout.feed]
            record = feed.records["main"]
            assert {c.source for c in record.columns} | set(record.ignore) == set(layout.header.split(layout.delimiter))
            assert feed.transport.kind == "file"
            paths = sorted((made / name).glob(feed.transport.path))
            assert paths, (name, layout.feed)


def test_a_system_that_has_nothing_to_say_yet_has_its_folder(tmp_path: Path) -> None:
    build(tmp_path, Plan(facilities=1, days=2))
    sources = yaml.safe_load((tmp_path / NETWORK_FILE).read_text("utf-8"))["sources"].values()
    folders = {source["location"] for source in sources if "location" in source}
    assert "cloud_finance" in folders
    assert {folder for folder in folders if not (tmp_path / folder).is_dir()} == set()


def test_interchanges_are_well_formed_but_for_the_listed_counts(made: Path, truth: duckdb.DuckDBPyConnection) -> None:
    wrong, controls, styles = [], [], set()
    for path in sorted((made / "edi").glob("8*.edi")):
        text = path.read_text("ascii")
        for part in re.split(r"(?=ISA[*|^]00)", text)[1:]:
            separator, end = part[3], part[105]
            styles.add((separator, part[104], end, part[106:108].strip("GS")))
            segments = [s.strip().split(separator) for s in part.split(end) if s.strip()]
            controls.append(segments[0][13])
            assert segments[-1] == ["IEA", "1", segments[0][13]]
            start = 0
            for n, segment in enumerate(segments):
                start = n if segment[0] == "ST" else start
                if segment[0] == "SE" and int(segment[1]) != n - start + 1:
                    wrong.append(path.name)
    assert len(styles) >= 4
    assert len(controls) == len(set(controls))
    listed = truth.sql("SELECT file FROM defect WHERE kind = 'edi_count_wrong'").fetchall()
    assert sorted(wrong) == sorted(f for (f,) in listed)


def test_packed_decimals() -> None:
    assert packed_decimals(np.array([0, 123, -45000])).tobytes().hex() == (
        "000000000000000c" + "000000000000123c" + "000000000045000d"
    )
    rows = (made_size := 15) * [999_999_999_999_999]
    assert packed_decimals(np.array(rows)).tobytes() == bytes.fromhex("999999999999999c") * made_size


def test_batch_records_are_ebcdic_of_fixed_length(made: Path) -> None:
    paths = sorted((made / "legacy_batch_unread").glob("*.ebc"))
    assert paths
    content = paths[0].read_bytes()
    assert len(content) % 53 == 0
    assert content[:3].decode("cp037") == "INV"
    assert all(
        len(line) == 70
        for line in next(iter(sorted((made / "legacy_batch_unread").glob("*.txt")))).read_text().splitlines()
    )


def test_the_erp_goes_into_any_database(made: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'erp.db'}"
    build(tmp_path / "net", Plan(seed=11, facilities=1, days=3), erp_url=url)
    engine = sa.create_engine(url)
    with engine.connect() as con:
        count, lines = con.execute(sa.text("SELECT count(*), sum(line_no) FROM po_line")).one()
    engine.dispose()
    truth = duckdb.connect(str(tmp_path / "net" / "truth.duckdb"), read_only=True)
    assert one(
        truth, "SELECT count(*) FROM fact WHERE source_system = 'legacy_erp' AND table_name = 'fact_po_line'"
    ) == (count,)
    assert lines > count
    assert "env:CONCORD_ERP_URL" in (tmp_path / "net" / NETWORK_FILE).read_text()


@pytest.mark.postgres
def test_the_erp_in_postgresql_says_what_the_file_says(postgres: PostgresServer, made: Path, tmp_path: Path) -> None:
    postgres.psql("postgres", "CREATE DATABASE sample_erp")
    build(tmp_path / "net", Plan(seed=11, facilities=1, days=3), erp_url=postgres.url("sample_erp"))
    build(tmp_path / "file", Plan(seed=11, facilities=1, days=3))
    query = "SELECT count(*), sum(ext_amount), min(po_no), max(item_no), count(updated_at) FROM po_line"
    told = postgres.psql("sample_erp", query).strip().split("|")
    with sqlite3.connect(tmp_path / "file" / "legacy_erp.sqlite") as erp:
        count, amount, *rest = erp.execute(query).fetchone()
    assert (int(told[0]), told[2:]) == (count, [str(value) for value in rest])
    assert float(told[1]) == pytest.approx(amount)
    stamps = postgres.psql("sample_erp", "SELECT min(created_at) FROM po_line").strip()
    with sqlite3.connect(tmp_path / "file" / "legacy_erp.sqlite") as erp:
        assert erp.execute("SELECT min(created_at) FROM po_line").fetchone()[0] == stamps


def test_codes_of_a_large_network_differ() -> None:
    con = open_world(Plan(facilities=120, days=1))
    assert one(con, "SELECT count(*), count(DISTINCT code), count(DISTINCT source) FROM facility") == (121, 121, 121)
    places, codes, glns = one(con, "SELECT count(*), count(DISTINCT code), count(DISTINCT gln) FROM place")
    assert places == codes == glns


# -- the scorer --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def perfect(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "perfect.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(f"ATTACH '{made / 'truth.duckdb'}' AS truth (READ_ONLY)")
        con.execute((HERE / "perfect_store.sql").read_text())
    return path


def figures(store: Path, made: Path) -> dict[str, float | None]:
    return {m.key: m.value for m in score(store, made / "truth.duckdb")}


FAULTS = (
    *("lost", "extra", "duplicated"),
    *("wrong_item", "wrong_qty", "wrong_amount", "unknown_item", "unknown_qty"),
)


def test_a_perfect_store_scores_one(perfect: Path, made: Path) -> None:
    have = figures(perfect, made)
    for domain in ("item", "supplier", "location"):
        for measure in ("precision", "recall", "f1"):
            assert have[f"identity.{domain}.{measure}"] == 1
    assert have["attribute.all.share_right"] == 1
    tables = {k.split(".")[1] for k in have if k.startswith("fact.")}
    assert len(tables) == 7
    for table in tables:
        assert have[f"fact.{table}.share_right"] == 1
        assert have[f"fact.{table}.expected"]
        for fault in FAULTS:
            assert have[f"fact.{table}.{fault}"] == 0
    assert {v for k, v in have.items() if k.startswith("defect.") and k.endswith(".missed")} == {0}
    assert have["defect.all.false_alarms"] == 0
    assert have["defect.quarantined.share_caught"] == 1
    assert {v for k, v in have.items() if k.startswith("kpi.") and k.endswith(".difference") and v is not None} == {0}


#: What is done to the store, and the only figures that may get worse: area.name.measure -> value.
DAMAGE = {
    "DELETE FROM conformed.fact_receipt_line WHERE _source_key IN "
    "(SELECT _source_key FROM conformed.fact_receipt_line ORDER BY 1 LIMIT 3)": {"fact.fact_receipt_line.lost": 3},
    "INSERT INTO conformed.fact_asn_line SELECT * FROM conformed.fact_asn_line ORDER BY _source_key LIMIT 2": {
        "fact.fact_asn_line.duplicated": 2
    },
    "UPDATE conformed.fact_stock_snapshot SET on_hand = on_hand + 1 WHERE _source_key = "
    "(SELECT min(_source_key) FROM conformed.fact_stock_snapshot)": {"fact.fact_stock_snapshot.wrong_qty": 1},
    # A quantity that nobody can convert is not published as a number: that is no wrong number.
    "UPDATE conformed.fact_po_ack SET qty_base = NULL WHERE _source_key = "
    "(SELECT min(_source_key) FROM conformed.fact_po_ack)": {
        "fact.fact_po_ack.unknown_qty": 1,
        "fact.fact_po_ack.wrong_qty": 0,
    },
    # Nor is an item that nothing says a wrong item.
    "UPDATE conformed.fact_asn_line SET item_sk = -2 WHERE _source_key = "
    "(SELECT min(_source_key) FROM conformed.fact_asn_line)": {
        "fact.fact_asn_line.unknown_item": 1,
        "fact.fact_asn_line.wrong_item": 0,
    },
    "UPDATE conformed.fact_asn_line SET item_sk = (SELECT max(item_sk) FROM conformed.fact_asn_line) WHERE "
    "_source_key = (SELECT min(_source_key) FROM conformed.fact_asn_line)": {
        "fact.fact_asn_line.unknown_item": 0,
        "fact.fact_asn_line.wrong_item": 1,
    },
    "UPDATE conformed.fact_invoice_line SET ext_amount = ext_amount + 1 WHERE _source_key = "
    "(SELECT min(_source_key) FROM conformed.fact_invoice_line)": {"fact.fact_invoice_line.wrong_amount": 1},
    "INSERT INTO conformed.fact_po_line SELECT * REPLACE ('made up' AS _source_key) FROM conformed.fact_po_line "
    "LIMIT 1": {"fact.fact_po_line.extra": 1},
    "DELETE FROM ops.rejected_record WHERE rule_id = 'expiry_impossible'": {"defect.expiry_impossible.caught": 0},
    "DELETE FROM ops.master_finding WHERE kind = 'pack_conflict'": {"defect.pack_disagrees.caught": 0},
    "DELETE FROM ops.master_finding WHERE kind = 'invalid_identifier'": {"defect.gtin_bad_check.caught": 0},
    "DELETE FROM ops.review": {"defect.gtin_of_lookalike.caught": 0},
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_store_is_worse_in_that_figure_alone(damage: str, perfect: Path, made: Path, tmp_path: Path) -> None:
    shutil.copyfile(perfect, tmp_path / "damaged.duckdb")
    with duckdb.connect(str(tmp_path / "damaged.duckdb")) as con:
        con.execute(damage)
    good, bad = figures(perfect, made), figures(tmp_path / "damaged.duckdb", made)
    expected = DAMAGE[damage]
    assert {k: bad[k] for k in expected} == expected
    (area, name, _) = next(iter(expected)).split(".")
    derived = {"kpi", "defect"} if area == "fact" else {"defect"}
    elsewhere = {k for k in good if good[k] != bad[k] and not k.startswith(f"{area}.{name}.")}
    assert {k.split(".")[0] for k in elsewhere} <= derived


def test_two_items_made_one_cost_precision_and_one_made_two_costs_recall(
    perfect: Path, made: Path, tmp_path: Path
) -> None:
    shutil.copyfile(perfect, tmp_path / "merged.duckdb")
    with duckdb.connect(str(tmp_path / "merged.duckdb")) as con:
        con.execute("UPDATE conformed.bridge_item_xref SET item_sk = 1 WHERE item_sk = 2")
        con.execute(
            "UPDATE conformed.bridge_supplier_xref SET supplier_sk = 999 "
            "WHERE supplier_sk = 1 AND source_system = 'procurement'"
        )
    have = figures(tmp_path / "merged.duckdb", made)
    truth = duckdb.connect(str(made / "truth.duckdb"), read_only=True)
    sizes = dict(truth.sql("SELECT entity_id, count(*) FROM crosswalk WHERE domain = 'item' GROUP BY ALL").fetchall())
    pairs = sum(n * (n - 1) // 2 for n in sizes.values())
    added = sizes["I00000"] * sizes["I00001"]
    assert have["identity.item.precision"] == pytest.approx(pairs / (pairs + added), abs=1e-12)
    assert have["identity.item.recall"] == 1
    suppliers = dict(
        truth.sql("SELECT entity_id, count(*) FROM crosswalk WHERE domain = 'supplier' GROUP BY ALL").fetchall()
    )
    all_pairs = sum(n * (n - 1) // 2 for n in suppliers.values())
    assert have["identity.supplier.recall"] == pytest.approx(
        (all_pairs - (suppliers["S0001"] - 1)) / all_pairs, abs=1e-12
    )
    assert have["identity.supplier.precision"] == 1


def test_floors_and_ceilings(tmp_path: Path) -> None:
    (tmp_path / "f.yml").write_text(
        "floors: {identity.item.f1: 0.9, identity.gone.f1: 0.1}\nceilings: {fact.x.lost: 2}\n"
    )
    have = [Measure("identity", "item", "f1", 0.89), Measure("fact", "x", "lost", 2.0)]
    assert below_floors(have, tmp_path / "f.yml") == [
        "identity.item.f1 is 0.89, below 0.9",
        "identity.gone.f1 is missing, below 0.1",
    ]
    (tmp_path / "f.yml").write_text("limits: {}\n")
    with pytest.raises(ValueError, match="floors"):
        below_floors(have, tmp_path / "f.yml")


def test_the_page_lists_every_defect_with_its_rate() -> None:
    page = (packs.ROOT / "docs" / "sample-network.md").read_text("utf-8")
    for kind in kinds():
        assert f"| `{kind.name}` | {kind.ppm:,} {kind.unit} | {kind.outcome} | {kind.note} |" in page
