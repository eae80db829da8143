"""How right, how fast and in how much memory records are matched, on data that nobody on the project wrote.

    python bench/matching.py                    all of it (about half an hour)
    python bench/matching.py cms abt gudid50    some of it (cms abt gudid50 gudid50hard gudid50poor gudid200
                                                gudid200hard million change linear)
    python bench/matching.py --tuning gudid50   the tuning part alone

Data: `CONCORD_REAL_DATA`, else `../shared/data`. Each measure runs in a process of its own, so that its peak memory is
its own. Floors stand beside the figures; the exit code is 1 when one is missed. One configuration per domain:
`mastering/domains/*.yml`, the same that syncs use.

**Tuning and held-out part.** Weights are set on the tuning part only; floors hold for the held-out part, and both are
printed. Devices, hospitals and products fall into one of them by the hash of their key (43 and 57 of 100 devices,
so that 200,000 rows of held-out devices exist). Device rows of the two parts are matched apart; hospitals and products
are matched all at once, so that nobody loses a rival, and each pair counts for the part of its left record.

`gudid*`: rows of the US device register (`bench.noise`), of which `bench.reference` says what plain methods reach.
`gudid50` and `gudid200` have the noise that was calibrated by these; `*hard` and `gudid50poor` are harder, without
floors.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.noise import CALIBRATED, DATA, HARD, PARTS, POOR, Noise, noisy, part_of  # noqa: E402
from mastering.matching.batch import Matched, match  # noqa: E402
from mastering.matching.judge import Guards, Pairs, judge  # noqa: E402
from mastering.matching.pairs import prepare_pairs, update_pairs  # noqa: E402
from mastering.report import agreement  # noqa: E402
from mastering.rules import DomainRules, load_domains  # noqa: E402
from mastering.sqlfile import quoted  # noqa: E402

#: figure -> (floor, ceiling), per measure.
LIMITS: dict[str, dict[str, tuple[float | None, float | None]]] = {
    "cms": {"precision": (0.995, None), "recall": (0.97, None)},
    "abt": {"f1": (0.95, None)},
    "gudid50": {"bcubed_f1": (0.96, None), "precision": (0.95, None), "by_unit_of_use": (None, 0)},
    "gudid50hard": {"by_unit_of_use": (None, 0)},
    "gudid50poor": {"by_unit_of_use": (None, 0)},
    "gudid200": {"bcubed_f1": (0.96, None), "precision": (0.95, None), "by_unit_of_use": (None, 0)},
    "gudid200hard": {"by_unit_of_use": (None, 0)},
    "million": {"seconds": (None, 300), "peak_gib": (None, 8)},
    "change": {"seconds": (None, 2), "peak_gib": (None, 2)},
    "linear": {"times_1000": (None, 10), "times_10000": (None, 10)},
}


# -- judging ---------------------------------------------------------------------------------------------


def judged(found: list[int], truth: list[str]) -> dict[str, float]:
    """Pairwise and B-cubed precision, recall and F1; the largest cluster and its number of true things."""
    one = agreement(found, truth)
    clusters = Counter(found)
    both = set(zip(found, truth, strict=True))
    largest, held = clusters.most_common(1)[0]
    figures = {"precision": one.precision, "recall": one.recall, "f1": one.f1}
    figures |= {"bcubed_precision": one.bcubed_precision, "bcubed_recall": one.bcubed_recall}
    figures["bcubed_f1"] = one.bcubed_f1
    figures |= {"largest": held, "things_in_largest": sum(1 for c, _ in both if c == largest), "records": len(found)}
    return figures


class _Clock:
    """Wall and processor seconds since it was made; while others work on the machine only the latter mean anything."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def told(self) -> dict[str, float]:
        return {"seconds": time.perf_counter() - self._wall, "cpu_seconds": time.process_time() - self._cpu}


def _matched(records: pa.Table, domain: str, *, one_to_one: bool | None = None) -> tuple[Matched, dict[str, float]]:
    rules = load_domains(ROOT / "mastering" / "domains")[domain]
    start = _Clock()
    done = match(records, rules, one_to_one=one_to_one)
    return done, start.told()


def _linked(done: Matched, truth: set[tuple[str, str]], part: str) -> dict[str, float]:
    """Pairs between sources a and b against the true ones, of the part that their record of a belongs to."""
    con = duckdb.connect()
    con.register("c", done.clusters)
    con.register("j", done.judgements)
    found = con.execute(
        "SELECT a.source_key, b.source_key FROM c AS a INNER JOIN c AS b USING (cluster)"
        " WHERE a.source_system = 'a' AND b.source_system = 'b'"
    ).fetchall()
    asked = con.execute("SELECT count(*) FROM j WHERE verdict = 'ask'").fetchall()[0][0]
    rows = {pair for pair in found if part_of(pair[0]) == part}
    true = {pair for pair in truth if part_of(pair[0]) == part}
    right = len(rows & true)
    return {
        "precision": right / max(1, len(rows)),
        "recall": right / len(true),
        "f1": 2 * right / max(1, len(rows) + len(true)),
        "true_pairs": len(true),
        "asked_per_1000": 1000 * asked / done.clusters.num_rows,
    }


# -- measures --------------------------------------------------------------------------------------------


def cms(part: str) -> dict[str, float]:
    """Two vintages of the US hospital list, without assuming one-to-one. The true match is the equal facility id."""
    folder = DATA / "matching" / "cms_hospitals"
    shared = '"Facility ID" AS source_key, "Facility Name" AS name, "Address" AS address_line, "State" AS state,' + (
        ' "ZIP Code" AS postal_code, "Hospital Type" AS type'
    )
    records = (
        duckdb.connect()
        .sql(
            f'SELECT \'a\' AS source_system, {shared}, "City" AS city, "Phone Number" AS phone'
            f" FROM read_csv('{folder}/vintage_a.csv', all_varchar = true) UNION ALL BY NAME"
            f' SELECT \'b\' AS source_system, {shared}, "City/Town" AS city, "Telephone Number" AS phone'
            f" FROM read_csv('{folder}/vintage_b.csv', all_varchar = true)"
        )
        .to_arrow_table()
    )
    keys: dict[str, set[str]] = {"a": set(), "b": set()}
    for source, key in zip(records["source_system"].to_pylist(), records["source_key"].to_pylist(), strict=True):
        keys[source].add(key)
    done, seconds = _matched(records, "location")
    return _linked(done, {(key, key) for key in keys["a"] & keys["b"]}, part) | seconds


def abt(part: str) -> dict[str, float]:
    """Abt and Buy: product names alone, each shop without duplicates (one-to-one)."""
    folder = DATA / "matching" / "abt_buy"
    con = duckdb.connect()
    read = "read_csv('{}/{}.csv', delim = '|', all_varchar = true)"
    records = con.sql(
        f"SELECT 'a' AS source_system, id AS source_key, name AS description FROM {read.format(folder, 'abtclean')}"
        f" UNION ALL SELECT 'b', id, name FROM {read.format(folder, 'buyclean')}"
    ).to_arrow_table()
    truth = set(con.sql(f"SELECT * FROM {read.format(folder, 'gtclean')}").fetchall())
    done, seconds = _matched(records, "item", one_to_one=True)
    return _linked(done, truth, part) | seconds


def _gudid(rows: int, part: str, noise: Noise = CALIBRATED) -> dict[str, float]:
    # The tuning part has devices for some 150,000 rows.
    rows = rows if part == "held_out" else min(rows, 150_000)
    records = noisy(rows, part, noise)
    done, seconds = _matched(records.drop_columns(["entity", "company"]), "item")
    con = duckdb.connect()
    con.register("r", records)
    con.register("c", done.clusters)
    con.register("j", done.judgements)
    both = "r INNER JOIN c USING (source_system, source_key)"
    found = con.execute(f"SELECT cluster, entity FROM {both}").fetchall()
    asked = con.execute("SELECT count(DISTINCT (left_source, left_key)) FROM j WHERE verdict = 'ask'").fetchall()
    figures = judged([row[0] for row in found], [row[1] for row in found])
    figures |= {
        "by_unit_of_use": _joined_by(records, done, "unit_of_use_di", "direct_marking_di"),
        "asked_per_1000": 1000 * asked[0][0] / rows,
        **seconds,
    }
    return figures


def _joined_by(records: pa.Table, done: Matched, *columns: str) -> float:
    """How many pairs are one with these columns and are not without them."""
    without, _ = _matched(records.drop_columns(["entity", "company", *columns]), "item")
    con = duckdb.connect()
    con.register("one", done.clusters)
    con.register("two", without.clusters)
    size = "SELECT sum(n * (n - 1) // 2) FROM (SELECT count(*) AS n FROM {} GROUP BY ALL)"
    both = "(SELECT a.cluster, b.cluster FROM one AS a INNER JOIN two AS b USING (source_system, source_key))"
    pairs, kept = (con.execute(size.format(one)).fetchall()[0][0] for one in ("(SELECT cluster FROM one)", both))
    return float(pairs - kept)


def gudid50(part: str) -> dict[str, float]:
    """50,000 noisy rows of real devices."""
    return _gudid(50_000, part)


def gudid50poor(part: str) -> dict[str, float]:
    """50,000 noisy rows of which as few have a GTIN or a part number as the order lines of `x12/`."""
    return _gudid(50_000, part, POOR)


def gudid50hard(part: str) -> dict[str, float]:
    """50,000 rows under the noise of before: of two rates the harder one, wherever no source was found."""
    return _gudid(50_000, part, HARD)


def gudid200(part: str) -> dict[str, float]:
    """200,000 noisy rows of real devices."""
    return _gudid(200_000, part)


def gudid200hard(part: str) -> dict[str, float]:
    """200,000 rows under the noise of `gudid50hard`."""
    return _gudid(200_000, part, HARD)


def million() -> dict[str, float]:
    """A million noisy rows from nothing."""
    records = noisy(1_000_000)
    entities = records["entity"].to_pylist()
    keys = dict(
        zip(
            zip(records["source_system"].to_pylist(), records["source_key"].to_pylist(), strict=True),
            entities,
            strict=True,
        )
    )
    done, seconds = _matched(records.drop_columns(["entity", "company"]), "item")
    sources, names = done.clusters["source_system"].to_pylist(), done.clusters["source_key"].to_pylist()
    truth = [keys[pair] for pair in zip(sources, names, strict=True)]
    return judged(done.clusters["cluster"].to_pylist(), truth) | seconds


def change() -> dict[str, float]:
    """1,000 changed records against 500,000: pairs brought up to date, whom that reaches, and judging those again."""
    return _changes(1_000)


def linear() -> dict[str, float]:
    """100, then 1,000, then 10,000 changed records against 500,000, and how many times as long the tenfold took."""
    figures = _changes(100, 1_000, 10_000)
    for few, many in ((100, 1_000), (1_000, 10_000)):
        figures[f"times_{many}"] = figures[f"seconds_{many}"] / figures[f"seconds_{few}"]
    return figures


def _changes(*sizes: int) -> dict[str, float]:
    """One change after the other; of several each figure is followed by the size."""
    item = load_domains(ROOT / "mastering" / "domains")["item"]
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/working.duckdb"
        # In a process of its own, so that the peak memory of the change is its own.
        first = get_context("spawn").Process(target=_write_base, args=(path, sum(sizes)))
        first.start()
        first.join()
        con = duckdb.connect(path, config={"preserve_insertion_order": False, "memory_limit": "1500MB"})
        prepare_pairs(con)
        begin = 0
        for size in sizes:
            told = _change(con, item, begin, begin + size)
            begin += size
            figures |= told if len(sizes) == 1 else {f"{name}_{size}": value for name, value in told.items()}
    return figures


def _change(con: duckdb.DuckDBPyConnection, item: DomainRules, begin: int, end: int) -> dict[str, float]:
    assert item.matching is not None
    mine = f"FROM later WHERE change_no >= {begin} AND change_no < {end}"
    con.execute(f"CREATE OR REPLACE TEMP TABLE n_new AS SELECT * EXCLUDE (change_no) {mine}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE n_gone AS SELECT rec {mine}")
    start = _Clock()
    figures: dict[str, float] = {"compared": update_pairs(con, "item", item.matching)}
    return figures | {"reached": _judge_reached(con, item), **start.told()}


def _write_base(path: str, changed: int, base: int = 500_000) -> None:
    """A database with the pairs of `base` records, and in `later` what `changed` of them say next."""
    matching = load_domains(ROOT / "mastering" / "domains")["item"].matching
    assert matching is not None
    rows = noisy(base + changed)
    con = duckdb.connect(path, config={"preserve_insertion_order": False})
    con.register("given", rows.append_column("place", pa.array(range(base + changed))))
    con.execute("CREATE SCHEMA master")
    read = sorted(matching.read)
    have = ", ".join(quoted(n) if n in rows.column_names else f"NULL::VARCHAR AS {quoted(n)}" for n in read)
    told = f"SELECT hash(source_system, source_key) AS rec, source_system, source_key, {have} FROM given"
    con.execute(
        "CREATE TABLE later AS SELECT *, row_number() OVER (ORDER BY rec) - 1 AS change_no"
        f" FROM ({told} WHERE place >= {base})"
    )
    con.execute(f"CREATE TEMP TABLE n_new AS {told} WHERE place < {base - changed}")
    # The changed ones were there before, with other texts.
    before = [f"upper({n}) || ' OLD' AS {n}" if n == "description" else quoted(n) for n in read]
    con.execute(f"INSERT INTO n_new SELECT rec, source_system, source_key, {', '.join(before)} FROM later")
    con.execute("CREATE TEMP TABLE n_gone (rec UBIGINT)")
    prepare_pairs(con)
    update_pairs(con, "item", matching)
    con.close()


def _judge_reached(con: duckdb.DuckDBPyConnection, item: DomainRules) -> float:
    """Follow the pairs from the touched records to the end, as mastering does, and judge."""
    assert item.matching is not None
    con.execute("CREATE OR REPLACE TEMP TABLE reach AS SELECT rec FROM n_touched")
    con.execute("CREATE OR REPLACE TEMP TABLE front AS SELECT rec FROM n_touched")
    free = "domain = 'item' AND coalesce(NOT starts_with(vetoed, 'measures:'), TRUE)"
    while con.execute("SELECT count(*) FROM front").fetchall()[0][0]:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE front AS SELECT right_rec AS rec FROM master.match_pair WHERE {free}"
            f" AND left_rec IN (FROM front) UNION SELECT left_rec FROM master.match_pair WHERE {free}"
            " AND right_rec IN (FROM front) EXCEPT SELECT rec FROM reach"
        )
        con.execute("INSERT INTO reach FROM front")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE numbered AS SELECT rec, row_number() OVER (ORDER BY rec) - 1 AS number FROM reach"
    )
    found = con.execute(
        "SELECT least(l.number, r.number), greatest(l.number, r.number), p.score::DOUBLE, p.vetoed"
        " FROM master.match_pair AS p"
        " INNER JOIN numbered AS l ON p.left_rec = l.rec INNER JOIN numbered AS r ON p.right_rec = r.rec ORDER BY 1, 2"
    ).fetchall()
    count = con.execute("SELECT count(*) FROM numbered").fetchall()[0][0]
    left, right, score, vetoed = zip(*found, strict=True)
    judge(np.arange(count), Pairs(np.array(left), np.array(right), np.array(score), vetoed), Guards(), item.matching)
    return float(count)


#: Measures of how right it is, for each part; of how fast it is.
RIGHT: dict[str, Callable[[str], dict[str, float]]] = {
    "cms": cms,
    "abt": abt,
    "gudid50": gudid50,
    "gudid50hard": gudid50hard,
    "gudid50poor": gudid50poor,
    "gudid200": gudid200,
    "gudid200hard": gudid200hard,
}
FAST: dict[str, Callable[[], dict[str, float]]] = {"million": million, "change": change, "linear": linear}


def _in_a_process(*names: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--one", *names], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _one(name: str, *part: str) -> dict[str, float]:
    figures = RIGHT[name](*part) if part else FAST[name]()
    figures.setdefault("peak_gib", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
    return figures


def _missed(name: str, figures: dict[str, float]) -> list[str]:
    missed = []
    for figure, (floor, ceiling) in LIMITS[name].items():
        value = figures[figure]
        if floor is not None and value < floor:
            missed.append(f"{figure} {value:.4f} (at least {floor})")
        if ceiling is not None and value > ceiling:
            missed.append(f"{figure} {value:.4f} (at most {ceiling})")
    return missed


def main() -> int:
    """Print a line per figure; 1 when a limit is missed."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(_one(*sys.argv[2:])))
        return 0
    parts = PARTS[:1] if sys.argv[1:2] == ["--tuning"] else PARTS
    failed = False
    for name in sys.argv[1 + (len(parts) == 1) :] or [*RIGHT, *FAST]:
        for part in [(one,) for one in parts] if name in RIGHT else [()]:
            figures = _in_a_process(name, *part)
            missed = [] if part == ("tuning",) else _missed(name, figures)
            failed |= bool(missed)
            told = "  ".join(f"{key} {value:,.4g}" for key, value in figures.items())
            print(f"{' '.join((name, *part))}: {told}", flush=True)
            for line in missed:
                print(f"  MISSED {line}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
