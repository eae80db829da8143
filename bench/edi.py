"""How fast small EDI deliveries are read and staged, beside the least that the same bytes can cost, in the same run.

A mailbox of small X12 files (one purchase order or invoice per interchange) is landed; then all of it is staged by
`stage_feed`, history, rejects, counts and keys included. The floor splits the same bytes into segments and elements in
plain Python and inserts the lines, ready-made, with one hand-written INSERT per file.

    python bench/edi.py                              200 files of 4 interchanges
    python bench/edi.py --files 800 --interchanges 1

Figures are processor seconds, so that other work on the machine counts little; wall-clock time is shown beside them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from connectors.catalogue import load_contract  # noqa: E402 - the repository is put on the path above
from connectors.interface import FeedState  # noqa: E402
from connectors.network import Source  # noqa: E402
from connectors.x12 import X12Connector  # noqa: E402
from store.landing import Landing  # noqa: E402
from store.staging import FeedStaged, stage_feed  # noqa: E402
from store.working import Working  # noqa: E402

LINES = 5


def interchange(number: int) -> str:
    """One order (even numbers) or invoice (odd ones) of five lines."""
    body = _order(number) if number % 2 == 0 else _invoice(number)
    set_id, group = ("850", "PO") if number % 2 == 0 else ("810", "IN")
    segments = [
        f"ISA*00*          *00*          *ZZ*BUYER          *ZZ*SUPPLIER{number % 50:02d}     "
        f"*260901*{number // 60 % 24:02d}{number % 60:02d}*U*00401*{number:09d}*0*P*>",
        f"GS*{group}*HOSPITAL*SUPPLIER*20260901*0930*{number}*X*004010",
        f"ST*{set_id}*0001",
        *body,
        f"SE*{len(body) + 2}*0001",
        f"GE*1*{number}",
        f"IEA*1*{number:09d}",
    ]
    return "~\n".join(segments) + "~\n"


def _order(number: int) -> list[str]:
    lines = [f"PO1*{n}*{n * 3}*EA*{n}.25**VN*P{number * 7 % 900 + n:05d}*IN*I{n:04d}" for n in range(1, LINES + 1)]
    head = [f"BEG*00*SA*PO{number:07d}**20260901", "N1*ST*North*92*H1", "N1*SE*Acme*92*V7"]
    return [*head, *lines, f"CTT*{LINES}"]


def _invoice(number: int) -> list[str]:
    lines = [f"IT1*{n}*{n * 3}*EA*{n}.25**VN*P{number * 7 % 900 + n:05d}*IN*I{n:04d}" for n in range(1, LINES + 1)]
    cents = sum(n * 3 * (n * 100 + 25) for n in range(1, LINES + 1))
    head = [f"BIG*20260901*INV{number:07d}*20260830*PO{number:07d}", "N1*ST*North*92*H1", "N1*SE*Acme*92*V7"]
    return [*head, *lines, f"TDS*{cents}", f"CTT*{LINES}"]


def write_mailbox(folder: Path, files: int, interchanges: int) -> None:
    """`files` files of so many interchanges each; in a file all are of one day, as a mailbox has them."""
    for file in range(files):
        numbers = range(file * interchanges, (file + 1) * interchanges)
        (folder / f"{file:05d}.edi").write_text("".join(map(interchange, numbers)), encoding="ascii")


def land(landing: Landing, connector: X12Connector) -> int:
    """Pull everything; how many deliveries."""
    state = FeedState()
    return sum(
        landing.pull(connector, offer, state).outcome == "new" for offer in connector.discover(state, sweep=False)
    )


def floor(folder: Path) -> int:
    """The least: segments split in plain Python, the lines of each file by one INSERT into a table. Rows written."""
    with duckdb.connect(str(folder.parent / "floor.duckdb")) as con:
        con.execute("CREATE TABLE line (file VARCHAR, number VARCHAR, qty VARCHAR, price VARCHAR, part VARCHAR)")
        for path in sorted(folder.glob("*.edi")):
            elements = [segment.strip().split("*") for segment in path.read_text(encoding="ascii").split("~")]
            lines = [e for e in elements if e[0] in ("PO1", "IT1")]
            names = ("number", "qty", "price", "part")
            columns = {name: [e[at] for e in lines] for name, at in zip(names, (1, 2, 4, 7), strict=True)}
            incoming = pa.table({"file": [path.name] * len(lines), **columns})
            con.register("incoming", incoming)
            con.execute("INSERT INTO line BY NAME SELECT * FROM incoming")
            con.unregister("incoming")
        [(rows,)] = con.execute("SELECT count(*) FROM line").fetchall()
        return int(rows)


def timed(name: str, work: Callable[[], int], interchanges: int, files: int, *, least: float | None = None) -> float:
    """Run, print a line, and give the processor seconds. `least`: those of the floor, for the ratio."""
    started, cpu = time.perf_counter(), time.process_time()
    count = work()
    seconds, used = time.perf_counter() - started, time.process_time() - cpu
    ratio = f"{used / least:8.1f} x" if least else ""
    print(
        f"{name:28} {seconds:7.2f} s {used:7.2f} s cpu {interchanges / used:9,.0f} interchanges/s"
        f" {used / files * 1000:8.2f} ms/file {count:8,} {ratio}"
    )
    return used


def read_rows(connector: X12Connector, landing: Landing) -> int:
    """Read every delivery and stage none; how many rows of all records."""
    return sum(batch.rows.num_rows for d in landing.deliveries("hub", "x12") for batch in connector.read(d))


def stage(working: Working, connector: X12Connector, landing: Landing) -> int:
    """Stage every delivery; how many rows were accepted. Anything refused would make the figure meaningless."""
    deliveries = landing.deliveries("hub", "x12")
    staged: FeedStaged = stage_feed(working, connector.contract, "hub", deliveries, connector.read)
    if staged.count("applied") != len(deliveries) or staged.total("rows_rejected"):
        raise SystemExit(f"the mailbox was not staged whole: {staged.reasons}")
    return staged.total("rows_accepted")


def run(files: int, interchanges: int) -> None:
    """Write, land, read, stage; print the figures."""
    with tempfile.TemporaryDirectory(prefix="concord-bench-") as scratch:
        folder = Path(scratch) / "mailbox"
        folder.mkdir()
        write_mailbox(folder, files, interchanges)
        connector = X12Connector(
            load_contract(ROOT / "feeds" / "edi" / "x12.yml"), "hub", Source(system="edi", timezone="UTC"), folder
        )
        landing = Landing(Path(scratch) / "landing")
        every = files * interchanges
        least = timed("floor: split and insert", lambda: floor(folder), every, files)
        timed("land", lambda: land(landing, connector), every, files)
        timed("read", lambda: read_rows(connector, landing), every, files, least=least)
        with Working.open(Path(scratch) / "working.duckdb", threads=1) as working:
            timed("read and stage", lambda: stage(working, connector, landing), every, files, least=least)


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=200, help="files in the mailbox, a delivery each")
    parser.add_argument("--interchanges", type=int, default=4, help="interchanges in a file")
    arguments = parser.parse_args()
    run(arguments.files, arguments.interchanges)


if __name__ == "__main__":
    main()
