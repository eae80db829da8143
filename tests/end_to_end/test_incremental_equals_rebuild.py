"""Whatever arrives in whatever order, and whatever people change meanwhile: what is published is what a rebuild gives.

Here: small random networks lived through sync by sync, each compared with one built from landing and the control
database alone. Not here: the `concord` command (test_sample_sync), kills (test_crash), the gate.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random

import duckdb
import pytest
import yaml

from assets.session import DOMAIN_ORDER, SyncSession
from assets.settings import Settings
from expectations.promise import TablePromise, load_promises
from store.content_hash import content_hash
from store.quarantine import quarantined_deliveries, waive
from tests.end_to_end.harness import ROOT
from tests.small_network.edi import interchange
from tests.small_network.identifiers import duns, gln, gtin14

DAYS = [date(2026, 1, 5) + timedelta(days=n) for n in range(6)]
GTINS = [gtin14(0, 614141, n) for n in range(5)]
SOURCES = {"north": "inventory", "south": "inventory", "suite": "procurement", "dc": "warehouse", "hub": "edi"}
SUPPLIERS = ["S1", "S2", "S3"]
ROOMS = ["L1", "L2", "L3"]
Rows = list[list[str]]


@dataclass
class Life:
    """One home with a project of its own; what its sources send is decided by `rng`."""

    folder: Path
    rng: Random
    sources: dict[str, str] = field(default_factory=lambda: dict(SOURCES))
    control: int = 0
    log: list[str] = field(default_factory=list)

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def settings(self) -> Settings:
        return Settings(self.project, self.folder / "home", str(self.project / "networks" / "small.yml"))

    def prepare(self) -> None:
        """A copy of the feed packs, and the network."""
        shutil.copytree(ROOT / "feeds", self.project / "feeds")
        (self.project / "networks").mkdir()
        self.write_network()

    def write_network(self) -> None:
        """The network file with the sources that are in it now."""
        sources = {
            name: {"system": system, "location": str(self.folder / "sent" / name), "timezone": "America/New_York"}
            for name, system in self.sources.items()
        }
        for name in sources:
            (self.folder / "sent" / name).mkdir(parents=True, exist_ok=True)
        network = {"network": "small", "description": "a test", "timezone": "America/New_York", "sources": sources}
        (self.project / "networks" / "small.yml").write_text(yaml.safe_dump(network), "utf-8")

    def send(self, source: str, name: str, text: str) -> None:
        """A file of a source appears; one of the same name is replaced."""
        path = self.folder / "sent" / source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def edit(self, file: str, old: str, new: str) -> None:
        """Change a text in a file of the feed packs; what is not there (any more) is left alone."""
        path = self.project / "feeds" / file
        path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")


# -- what sources send -------------------------------------------------------------------------------------


def table(header: str, rows: Rows, trailer: str = "") -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header.split(","))
    writer.writerows(rows)
    return out.getvalue() + trailer


def some(rng: Random, things: list[str], least: int = 0) -> list[str]:
    return sorted(rng.sample(things, rng.randint(least, len(things))))


def maybe(rng: Random, things: list[str]) -> str:
    return rng.choice([*things, ""])


def item_ids(source: str) -> list[str]:
    return [f"{source[0].upper()}{n}" for n in range(1, 6)]


def inventory_items(rng: Random, source: str) -> str:
    rows = [
        [i, rng.choice(["glove", "mask"]), rng.choice(["EA", "BX"]), maybe(rng, GTINS), maybe(rng, ["N1", "N2", "N3"]),
         maybe(rng, ["acme"]), maybe(rng, ["M1", "M2"]), maybe(rng, ["Y", "N", "?"]), rng.choice("AI")]
        for i in some(rng, item_ids(source))
    ]  # fmt: skip
    return table("item_id,description,base_uom,gtin,network_item_no,manufacturer,mfr_part_no,lot_tracked,status", rows)


def inventory_locations(rng: Random, source: str) -> str:
    rows = [
        [room, rng.choice(["ICU", "ER"]), rng.choice(["HOSP", "ROOM"]), maybe(rng, ROOMS), maybe(rng, ["W1", "W2"]),
         maybe(rng, [gln(614141, 1), gln(614141, 2)])]
        for room in some(rng, ROOMS)
    ]  # fmt: skip
    return table("location,name,type,parent,network_location_code,gln", rows)


def stock(rng: Random, source: str) -> str:
    rows = [
        ["2026-01-05", rng.choice(ROOMS), item, f"lot{n}", maybe(rng, ["2027-01-01", "soon"]), str(rng.randint(0, 3))]
        for n, item in enumerate(some(rng, item_ids(source), 1))
    ]
    quantity = sum(int(row[-1]) for row in rows)
    trailer = f"TRAILER,rows={len(rows) + (rng.random() < 0.1)},on_hand_qty={quantity}\n"
    return table("snapshot_date,location,item_id,lot_no,expiry_date,on_hand_qty", rows, trailer)


def receipts(rng: Random, source: str) -> str:
    rows = [
        [f"R{n}", "1", "PO1", "1", rng.choice(item_ids(source)), rng.choice(ROOMS), str(rng.randint(1, 3)),
         rng.choice(["EA", "BX"]), maybe(rng, ["1", "10"]), "", "", "2026-01-05", "2026-01-05T10:00:00-05:00"]
        for n in sorted(rng.sample(range(6), rng.randint(0, 4)))
    ]  # fmt: skip
    return table(
        "receipt_no,line_no,po_no,po_line_no,item_id,location,qty,uom,pack_qty,lot_no,expiry_date,received_date,"
        "received_at",
        rows,
    )


def catalogue(rng: Random, source: str) -> str:
    rows = [
        [i, rng.choice(["glove", "mask"]), maybe(rng, GTINS), maybe(rng, ["N1", "N2", "N3"]), maybe(rng, SUPPLIERS),
         maybe(rng, ["P1", "P2"]), "BX", str(rng.randint(1, 20)), "9.50", "USD", "2"]
        for i in some(rng, item_ids(source))
    ]  # fmt: skip
    header = "catalogue_id,description,gtin,network_item_no,supplier_id,supplier_part_no,uom,pack_qty,list_price"
    return table(f"{header},currency,lead_time_days", rows)


def suppliers(rng: Random, source: str) -> str:
    rows = [[s, rng.choice(["ACME", "Zeta"]), maybe(rng, [duns(1), duns(2)]), "ACTIVE"] for s in some(rng, SUPPLIERS)]
    return table("supplier_id,supplier_name,duns,status", rows)


def warehouse_items(rng: Random, source: str) -> str:
    rows = [
        [i, "glove", rng.choice(["EA", "BX"]), maybe(rng, GTINS), maybe(rng, ["N1", "N2"])]
        for i in some(rng, item_ids(source))
    ]
    return table("sku,description,uom,gtin,network_item_no", rows)


def moves(rng: Random, source: str) -> str:
    rows = [
        [f"V{n}", "2026-01-05T10:00:00-05:00", rng.choice(item_ids(source)), rng.choice(ROOMS), rng.choice(ROOMS),
         rng.choice("TIAW"), str(rng.randint(-2, 3)), "EA", "", "wave"]
        for n in sorted(rng.sample(range(6), rng.randint(0, 4)))
    ]  # fmt: skip
    return table("move_no,moved_at,sku,from_zone,to_zone,move_type,qty,uom,lot_no,reference", rows)


def order(rng: Random, day: date, control: int) -> str:
    """An 850 of one of two orders; the same order comes again, changed, cancelled or replaced."""
    supplier = rng.randint(1, 2)
    body = [f"BEG*{rng.choice(['00', '00', '01', '05'])}*NE*PO{rng.randint(1, 2)}**{day:%Y%m%d}"]
    body += [f"N1*SE*Acme*1*{duns(supplier)}", f"N1*ST*ICU*UL*{gln(614141, rng.randint(1, 2))}"]
    lines = rng.randint(1, 3)
    for n in range(1, lines + 1):
        product = f"IN*{rng.choice(['N1', 'N2', 'N3'])}*VN*{rng.choice(['P1', 'P2'])}*UK*{rng.choice(GTINS)}"
        body.append(f"PO1*{n}*{rng.randint(1, 3)}*EA*2.5**{product}")
        if rng.random() < 0.5:
            body.append(f"PID*F****{rng.choice(['Gloves', 'Masks'])}")
    return interchange("850", day, (("ZZ", "VALLEYHEALTH"), ("01", duns(supplier))), control, [[*body, f"CTT*{lines}"]])


MAKERS: dict[str, dict[str, Callable[[Random, str], str]]] = {
    "inventory": {
        "items": inventory_items, "locations": inventory_locations, "stock": stock, "receipts": receipts,
    },
    "procurement": {"catalogue": catalogue, "suppliers": suppliers},
    "warehouse": {"items": warehouse_items, "moves": moves},
}  # fmt: skip


def send_files(life: Life) -> None:
    """A few files, of any days: new ones, late ones, corrected ones of the same name, copies under other names."""
    rng = life.rng
    for source, system in life.sources.items():
        if system == "edi" and rng.random() < 0.7:
            life.control += 1
            life.send(source, f"850_{life.control}.edi", order(rng, rng.choice(DAYS), life.control))
        for kind, make in MAKERS.get(system, {}).items():
            if rng.random() < 0.5:
                suffix = rng.choice(["", "", "_b"])
                life.send(source, f"{kind}_{rng.choice(DAYS):%Y%m%d}{suffix}.csv", make(rng, source))
    copy_one(life)


def copy_one(life: Life) -> None:
    files = sorted((life.folder / "sent").rglob("*_20*.csv"))
    if files:
        file = life.rng.choice(files)
        copy = file.with_name(f"{file.stem}_again{life.rng.randint(0, 2)}.csv")
        copy.write_bytes(file.read_bytes())


# -- what people do ----------------------------------------------------------------------------------------


def leave_or_return(life: Life) -> None:
    """A source is taken out of the network, or put back."""
    gone = sorted(set(SOURCES) - set(life.sources))
    if gone:
        life.sources = {name: system for name, system in SOURCES.items() if name in life.sources or name == gone[0]}
        life.log.append(f"return {gone[0]}")
    else:
        name = life.rng.choice(sorted(life.sources))
        del life.sources[name]
        life.log.append(f"leave {name}")
    life.write_network()


def edit_supplies(life: Life) -> None:
    """A feed supplies a shape no more, or again, or another column of it."""
    block = "  - intake: item\n    columns:\n      item_no: catalogue_id"
    choices = [
        ("inventory/item.yml", "      gtin: gtin\n", "      # no gtin\n"),
        ("procurement/catalogue.yml", block, block.replace("intake: item\n", "intake: item # \n")),
        ("inventory/location.yml", "name: name\n", "name: location\n"),
    ]
    file, old, new = life.rng.choice(choices)
    toggle(life, file, old, new)


def edit_pack(life: Life) -> None:
    """The SQL of a pack yields fewer records, other keys, or the former ones again."""
    choices = [
        ("edi/item.sql", "WHERE choice = 1", "WHERE choice = 1 AND item_key NOT LIKE '%P1%'"),
        ("edi/supplier.sql", "WHERE choice = 1", "WHERE choice = 1 AND FALSE"),
        ("edi/location.sql", "location_key AS source_key", "'x' || location_key AS source_key"),
    ]
    toggle(life, *life.rng.choice(choices))


def edit_contract(life: Life) -> None:
    """A contract reads the same bytes differently from now on, or as before."""
    choices = [
        ("inventory/item.yml", '"A": active, "I": inactive', '"A": active, "I": blocked'),
        ("inventory/receipt.yml", "volume: {min_rows: 0}", "volume: {min_rows: 2}"),
        ("inventory/item.yml", "volume: {min_rows: 0}", "volume: {min_rows: 2}"),
        ("procurement/supplier.yml", "volume: {min_rows: 0}", "volume: {min_rows: 2}"),
    ]
    toggle(life, *life.rng.choice(choices))


def toggle(life: Life, file: str, old: str, new: str) -> None:
    text = (life.project / "feeds" / file).read_text("utf-8")
    if new in text:
        old, new = new, old
    if old not in text:
        assert "min_rows" in old, f"{file} no longer says {old!r}"
        text = text.replace("cadence:", f"{old}\ncadence:", 1)
        (life.project / "feeds" / file).write_text(text, "utf-8")
    life.log.append(f"{file}: {old!r} -> {new!r}")
    life.edit(file, old, new)


def let_pass(life: Life) -> None:
    """A steward waives what refused one delivery."""
    with SyncSession(life.settings, pulls=False) as session:
        refused = quarantined_deliveries(session.working, open_only=True)
        if refused:
            one = life.rng.choice(sorted(refused, key=lambda d: d.delivery_id))
            life.log.append(f"waive {one.feed} {one.name}: {one.reason}")
            waive(session.working, session.control, one.delivery_id, who="steward", reason="it is right")


ACTS: list[Callable[[Life], None]] = [leave_or_return, edit_supplies, edit_pack, edit_contract, let_pass]


# -- syncs -------------------------------------------------------------------------------------------------


def sync(settings: Settings) -> None:
    """Everything but the gate: what is tested holds whatever the promises say of it."""
    with SyncSession(settings) as session:
        session.begin()
        session.pull(session.selected)
        assert session.report.feed_errors == []
        build(session)
        if session.candidate.worth_publishing:
            session.candidate.seal()
        session.publish()


def build(session: SyncSession) -> None:
    """From landing to the candidate."""
    for source, (_, feeds) in session.enabled.items():
        for feed in feeds:
            session.stage(source, feed)
    for domain in DOMAIN_ORDER:
        session.master(domain)
    session.conform()


def rebuild(life: Life, folder: Path) -> Path:
    """The conformed tables made from nothing but landing and the control database."""
    shutil.copytree(life.settings.home, folder, ignore=shutil.ignore_patterns("working.duckdb*", "published"))
    with SyncSession(Settings(life.project, folder, life.settings.network), pulls=False) as session:
        build(session)
        path = session.candidate.seal()
        path.rename(folder / "rebuilt.duckdb")
    return folder / "rebuilt.duckdb"


def published(life: Life) -> Path:
    """The file that readers see."""
    return (life.settings.home / "published" / "reporting.duckdb").resolve()


def hashes(database: Path, promises: Mapping[str, TablePromise]) -> tuple[str, str]:
    """Content hash and lineage hash."""
    found = content_hash(database, promises)
    return found.content, found.lineage


def differences(left: Path, right: Path) -> list[str]:
    """Rows of conformed tables that only one of two stores has; golden ids are the same in both (one ledger)."""
    found: list[str] = []
    with duckdb.connect() as con:
        for name, file in (("l", left), ("r", right)):
            con.execute(f"ATTACH '{file}' AS {name} (READ_ONLY)")
        tables = con.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'l' AND schema_name = 'conformed' ORDER BY 1"
        ).fetchall()
        for (table,) in tables:
            for one, other in (("l", "r"), ("r", "l")):
                rows = con.execute(
                    f"SELECT * FROM {one}.conformed.{table} EXCEPT ALL SELECT * FROM {other}.conformed.{table} LIMIT 3"
                ).fetchall()
                found += [f"{'incremental' if one == 'l' else 'rebuilt'} {table}: {row}" for row in rows]
    return found


def compare(life: Life, folder: Path) -> None:
    """Fails, telling the story, unless the published content is that of a rebuild."""
    promises = load_promises(ROOT / "expectations" / "tables")
    fresh = rebuild(life, folder)
    if hashes(published(life), promises) != hashes(fresh, promises):
        story = "\n".join([*life.log, *differences(published(life), fresh)])
        pytest.fail(f"the incremental store is not the rebuilt one\n{story}")
    shutil.rmtree(folder)


def live(folder: Path, seed: int, syncs: int) -> None:
    """Some syncs with files and acts in between, each compared with a rebuild."""
    life = Life(folder, Random(seed))
    life.prepare()
    life.log.append(f"seed {seed}")
    for number in range(syncs):
        life.log.append(f"-- sync {number}")
        send_files(life)
        if number:
            life.rng.choice(ACTS)(life)
        sync(life.settings)
        compare(life, folder / f"rebuilt{number}")


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.heavy)])
def test_every_sync_publishes_what_a_rebuild_publishes(tmp_path: Path, seed: int) -> None:
    live(tmp_path, seed, syncs=3)


@pytest.mark.heavy
@pytest.mark.timeout(1200)  # two to three minutes on a quiet machine
@pytest.mark.parametrize("seed", range(100, 140))
def test_so_it_is_in_longer_lives(tmp_path: Path, seed: int) -> None:
    live(tmp_path, seed, syncs=7)


def test_a_feed_that_begins_to_supply_a_domain_counts_from_its_first_delivery(tmp_path: Path) -> None:
    """Nothing new arrives with the contract: all the records and all their dates come from what was staged before."""
    life = Life(tmp_path, Random(1), {"suite": "procurement"})
    life.prepare()
    path = life.project / "feeds" / "procurement" / "supplier.yml"
    supplying = path.read_text("utf-8")
    path.write_text(supplying.partition("supplies:")[0], "utf-8")
    header = "supplier_id,supplier_name,duns,status"
    for day, name in ((5, "Acme"), (7, "Acme Inc")):
        life.send("suite", f"suppliers_202601{day:02d}.csv", table(header, [["S1", name, "", "ACTIVE"]]))
    sync(life.settings)
    path.write_text(supplying, "utf-8")
    sync(life.settings)
    with duckdb.connect(str(published(life)), read_only=True) as con:
        names = con.execute("SELECT legal_name FROM conformed.dim_supplier WHERE supplier_sk > 0 ORDER BY _valid_from")
        assert names.fetchall() == [("Acme",), ("Acme Inc",)]
    compare(life, tmp_path / "rebuilt")


def test_a_corrected_time_zone_of_a_source_counts_for_what_it_sent_before(tmp_path: Path) -> None:
    life = Life(tmp_path, Random(1), {"north": "inventory"})
    life.prepare()
    header = "receipt_no,line_no,po_no,po_line_no,item_id,location,qty,uom,pack_qty,lot_no,expiry_date,received_date"
    row = ["R1", "1", "PO1", "1", "N1", "L1", "1", "EA", "1", "", "", "2026-01-05", "2026-01-05T10:00:00"]
    life.send("north", "receipts_20260105.csv", table(f"{header},received_at", [row]))
    for zone, utc_hour in (("America/New_York", 15), ("America/Los_Angeles", 18)):
        network = life.project / "networks" / "small.yml"
        network.write_text(network.read_text("utf-8").replace("America/New_York", zone), "utf-8")
        sync(life.settings)
        with duckdb.connect(str(published(life)), read_only=True) as con:
            con.execute("SET TimeZone = 'UTC'")
            assert con.execute("SELECT hour(received_ts) FROM conformed.fact_receipt_line").fetchall() == [(utc_hour,)]
    compare(life, tmp_path / "rebuilt")
