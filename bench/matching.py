"""How right, how fast and in how much memory records are matched, on data that nobody on the project wrote.

    python bench/matching.py                    all of it (about fifteen minutes)
    python bench/matching.py cms abt gudid50    some of it: cms abt gudid50 gudid200 million change

Data: `CONCORD_REAL_DATA`, else `../shared/data`. Each measure runs in a process of its own, so that its peak memory is
its own. Floors stand beside the figures; the exit code is 1 when one is missed. One configuration per domain:
`mastering/domains/*.yml`, the same that syncs use.

**Noise model of `gudid*`** (`noisy`). Each of the drawn devices of the US device register becomes 1 to 5 rows
(weights 30, 32, 20, 12, 6 %) in eight made-up sources. Of a row, independently: the manufacturer is missing 3 %,
without its legal form 35 %, with it abbreviated 25 %, in capitals 50 %, without punctuation 40 %, cut to its first
two words 10 %, with a typing error 4 %; the part number (catalogue number, else model) is missing 8 %, without
separators 25 %, with other separators 15 %, with a typing error 1 %, a general word (NA, COLOR, SEE NOTES) 2 %; the
primary DI is missing 50 %, wrong in its check digit 0.5 %, the one of another device of the company 0.3 %; the text
is brand and description (or GMDN name), missing 4 %, without the brand 30 %, in capitals 50 %, cut to 40 characters
15 %, with words abbreviated 25 %, a word dropped 20 %, two words swapped 10 %, a typing error 10 %, followed by the
part number 10 %. Unit-of-use and direct-marking DIs are as in the register, so that they are shared between devices.
"""

from __future__ import annotations

import json
import os
import random
import re
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

from mastering.matching.batch import Matched, match  # noqa: E402
from mastering.matching.judge import Guards, Pairs, judge  # noqa: E402
from mastering.matching.pairs import prepare_pairs, update_pairs  # noqa: E402
from mastering.report import agreement  # noqa: E402
from mastering.rules import DomainRules, load_domains  # noqa: E402
from mastering.sqlfile import quoted  # noqa: E402

DATA = Path(os.environ.get("CONCORD_REAL_DATA", str(ROOT.parent / "shared" / "data")))
MEASURES = ("cms", "abt", "gudid50", "gudid200", "million", "change")
#: figure -> (floor, ceiling), per measure.
LIMITS: dict[str, dict[str, tuple[float | None, float | None]]] = {
    "cms": {"precision": (0.995, None), "recall": (0.97, None)},
    "abt": {"f1": (0.95, None)},
    "gudid50": {"bcubed_f1": (0.96, None), "precision": (0.95, None), "by_unit_of_use": (None, 0)},
    "gudid200": {"bcubed_f1": (0.96, None), "precision": (0.95, None), "by_unit_of_use": (None, 0)},
    "million": {"seconds": (None, 300), "peak_gib": (None, 8)},
    "change": {"seconds": (None, 2), "peak_gib": (None, 2)},
}

# -- the noise model -------------------------------------------------------------------------------------

_SHORT = {
    "CORPORATION": "CORP", "INCORPORATED": "INC", "COMPANY": "CO", "LIMITED": "LTD", "INTERNATIONAL": "INTL",
    "MANUFACTURING": "MFG", "TECHNOLOGY": "TECH", "TECHNOLOGIES": "TECH", "PRODUCTS": "PROD", "LABORATORIES": "LABS",
    "ORTHODONTICS": "ORTHO", "SYSTEMS": "SYS", "MEDICAL": "MED",
}  # fmt: skip
_TEXT_SHORT = {
    "STAINLESS": "SS", "STEEL": "STL", "IMPLANT": "IMPL", "ABUTMENT": "ABUT", "BRACKET": "BRKT", "STERILE": "STER",
    "MEDIUM": "MED", "UPPER": "UPR", "LOWER": "LWR", "LEFT": "LT", "RIGHT": "RT", "DENTAL": "DENT", "STANDARD": "STD",
}  # fmt: skip
_LEGAL = re.compile(
    r"[\s,]+(INC|INCORPORATED|CORP|CORPORATION|CO|COMPANY|LLC|L\.P\.|LP|LTD|LIMITED|GMBH|AG|S\.?A|SRL|S\.R\.L|B\.?V)\.?\s*$",
    re.I,
)


def _typo(dice: random.Random, text: str) -> str:
    if len(text) < 4:
        return text
    at = dice.randrange(1, len(text) - 1)
    kind = dice.randrange(3)
    if kind == 0:
        return text[:at] + text[at + 1 :]
    if kind == 1:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + dice.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") + text[at + 1 :]


def _company(dice: random.Random, name: str) -> str | None:
    if dice.random() < 0.03:
        return None
    if dice.random() < 0.35:
        name = _LEGAL.sub("", name)
    if dice.random() < 0.25:
        name = " ".join(_SHORT.get(word.strip(",.").upper(), word) for word in name.split())
    if dice.random() < 0.4:
        name = re.sub(r"[.,]", "", name)
    if dice.random() < 0.1:
        name = " ".join(name.split()[:2])
    if dice.random() < 0.04:
        name = _typo(dice, name)
    return name.upper() if dice.random() < 0.5 else name


def _part(dice: random.Random, number: str) -> str | None:
    if dice.random() < 0.08:
        return None
    if dice.random() < 0.02:
        return dice.choice(["NA", "N/A", "COLOR", "SEE NOTES", "0"])
    if dice.random() < 0.25:
        number = re.sub(r"[^0-9A-Za-z]", "", number)
    elif dice.random() < 0.2:
        number = re.sub(r"[^0-9A-Za-z]", dice.choice([" ", "-", "/"]), number)
    return _typo(dice, number) if dice.random() < 0.01 else number


def _text(dice: random.Random, brand: str, told: str, number: str) -> str | None:
    if dice.random() < 0.04:
        return None
    words = (told if dice.random() < 0.3 else f"{brand} {told}").split()
    if dice.random() < 0.25:
        words = [_TEXT_SHORT.get(word.strip(",.").upper(), word) for word in words]
    if dice.random() < 0.2 and len(words) > 2:
        words.pop(dice.randrange(len(words)))
    if dice.random() < 0.1 and len(words) > 2:
        at = dice.randrange(len(words) - 1)
        words[at], words[at + 1] = words[at + 1], words[at]
    text = " ".join(words)
    if dice.random() < 0.1:
        text = _typo(dice, text)
    if dice.random() < 0.15:
        text = text[:40]
    if dice.random() < 0.1:
        text = f"{text} {number}"
    return text.upper() if dice.random() < 0.5 else text


def noisy(rows: int, seed: int = 11) -> pa.Table:
    """`rows` rows with the column `entity` (the device they are), from the register in the order of a seeded shuffle.

    Where the register has too few devices for `rows`, it is gone through again with other part numbers and without
    DIs, as devices of companies of a second, third ... market.
    """
    con = duckdb.connect()
    folder = DATA / "gudid"
    devices = con.execute(
        "WITH more AS (SELECT key, min(deviceId) FILTER (deviceIdType = 'Unit of Use') AS unit,"
        " min(deviceId) FILTER (deviceIdType = 'Direct Marking') AS direct"
        f" FROM '{folder}/r2022-10_identifiers.parquet' GROUP BY key)"
        " SELECT d.key, d.primary_di, d.brandName, coalesce(d.catalogNumber, d.versionModelNumber) AS part,"
        " d.companyName,"
        " coalesce(d.deviceDescription, d.gmdnName) AS told, m.unit, m.direct"
        f" FROM '{folder}/r2022-10_devices.parquet' AS d LEFT JOIN more AS m USING (key) ORDER BY d.key"
    ).fetchall()
    dice = random.Random(seed)
    dice.shuffle(devices)
    of_company: dict[str, list[str]] = {}
    for device in devices:
        of_company.setdefault(device[4], []).append(device[1])
    names = "source_system source_key entity gtin mfr_name mfr_part_no description unit_of_use_di direct_marking_di"
    columns: dict[str, list[str | None]] = {name: [] for name in names.split()}
    market = 0
    while len(columns["entity"]) < rows:
        for device in devices:
            _add_rows(dice, columns, device, of_company, market)
            if len(columns["entity"]) >= rows:
                break
        market += 1
    return pa.table({name: pa.array(values[:rows], pa.string()) for name, values in columns.items()})


def _add_rows(
    dice: random.Random,
    columns: dict[str, list[str | None]],
    device: tuple[str | None, ...],
    of_company: dict[str, list[str]],
    market: int,
) -> None:
    key, di, brand, part, named, told, unit, direct = device
    company = named or ""
    if market:
        part, company, unit, direct = f"{'QZKVJ'[market % 5]}{market}{part}", f"{company} {market}", None, None
    sources = dice.sample(range(8), k=dice.choices([1, 2, 3, 4, 5], weights=[30, 32, 20, 12, 6])[0])
    for source in sources:
        chance = dice.random()
        number = di if chance >= 0.5 and not market else None
        if 0.5 <= chance < 0.505 and number:
            number = number[:-1] + str((int(number[-1]) + 1) % 10)
        elif 0.505 <= chance < 0.508 and number:
            number = dice.choice(of_company[company])
        values = (
            f"s{source}", f"{market}:{key}", f"{market}:{key}", number, _company(dice, company),
            _part(dice, part or ""),
            _text(dice, brand or "", told or "", part or ""), unit, direct,
        )  # fmt: skip
        for name, value in zip(columns, values, strict=True):
            columns[name].append(value)


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


def _matched(records: pa.Table, domain: str, *, one_to_one: bool | None = None) -> tuple[Matched, float]:
    rules = load_domains(ROOT / "mastering" / "domains")[domain]
    start = time.perf_counter()
    done = match(records, rules, one_to_one=one_to_one)
    return done, time.perf_counter() - start


def _linked(done: Matched, truth: set[tuple[str, str]]) -> dict[str, float]:
    """Pairs between sources a and b against the true ones."""
    con = duckdb.connect()
    con.register("c", done.clusters)
    con.register("j", done.judgements)
    rows = con.execute(
        "SELECT a.source_key, b.source_key FROM c AS a INNER JOIN c AS b USING (cluster)"
        " WHERE a.source_system = 'a' AND b.source_system = 'b'"
    ).fetchall()
    asked = con.execute("SELECT count(*) FROM j WHERE verdict = 'ask'").fetchall()[0][0]
    right = len(set(rows) & truth)
    precision, recall = right / max(1, len(rows)), right / len(truth)
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * right / max(1, len(rows) + len(truth)),
        "asked_per_1000": 1000 * asked / done.clusters.num_rows,
    }


# -- measures --------------------------------------------------------------------------------------------


def cms() -> dict[str, float]:
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
    return _linked(done, {(key, key) for key in keys["a"] & keys["b"]}) | {"seconds": seconds}


def abt() -> dict[str, float]:
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
    return _linked(done, truth) | {"seconds": seconds}


def _gudid(rows: int) -> dict[str, float]:
    records = noisy(rows)
    done, seconds = _matched(records.drop_columns(["entity"]), "item")
    con = duckdb.connect()
    con.register("r", records)
    con.register("c", done.clusters)
    con.register("j", done.judgements)
    both = "r INNER JOIN c USING (source_system, source_key)"
    found = con.execute(f"SELECT cluster, entity FROM {both}").fetchall()
    shared = con.execute(
        "WITH m AS (SELECT cluster, entity, gtin, mfr_part_no, description,"
        " unnest([unit_of_use_di, direct_marking_di]) AS di"
        f" FROM {both}) SELECT count(*) FROM m AS a INNER JOIN m AS b ON a.di = b.di AND a.cluster = b.cluster"
        " AND a.entity < b.entity WHERE a.gtin IS DISTINCT FROM b.gtin AND a.mfr_part_no IS DISTINCT FROM b.mfr_part_no"
        " AND a.description IS DISTINCT FROM b.description"
    ).fetchall()
    asked = con.execute("SELECT count(DISTINCT (left_source, left_key)) FROM j WHERE verdict = 'ask'").fetchall()
    figures = judged([row[0] for row in found], [row[1] for row in found])
    figures |= {"by_unit_of_use": shared[0][0], "asked_per_1000": 1000 * asked[0][0] / rows, "seconds": seconds}
    return figures


def gudid50() -> dict[str, float]:
    """50,000 noisy rows of real devices."""
    return _gudid(50_000)


def gudid200() -> dict[str, float]:
    """200,000 noisy rows of real devices."""
    return _gudid(200_000)


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
    done, seconds = _matched(records.drop_columns(["entity"]), "item")
    sources, names = done.clusters["source_system"].to_pylist(), done.clusters["source_key"].to_pylist()
    truth = [keys[pair] for pair in zip(sources, names, strict=True)]
    return judged(done.clusters["cluster"].to_pylist(), truth) | {"seconds": seconds}


def change() -> dict[str, float]:
    """1,000 changed records against 500,000: pairs brought up to date, whom that reaches, and judging those again."""
    item = load_domains(ROOT / "mastering" / "domains")["item"]
    assert item.matching is not None
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/working.duckdb"
        # In a process of its own, so that the peak memory of the change is its own.
        first = get_context("spawn").Process(target=_write_base, args=(path,))
        first.start()
        first.join()
        con = duckdb.connect(path, config={"preserve_insertion_order": False, "memory_limit": "1500MB"})
        con.execute("CREATE TEMP TABLE n_new AS SELECT * FROM later")
        con.execute("CREATE TEMP TABLE n_gone AS SELECT rec FROM later")
        prepare_pairs(con)
        start = time.perf_counter()
        figures: dict[str, float] = {"compared": update_pairs(con, "item", item.matching)}
        figures["pairs_seconds"] = time.perf_counter() - start
        return figures | {"reached": _judge_reached(con, item), "seconds": time.perf_counter() - start}


def _write_base(path: str, base: int = 500_000, changed: int = 1_000) -> None:
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
    con.execute(f"CREATE TABLE later AS {told} WHERE place >= {base}")
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
    con.execute("CREATE TEMP TABLE reach AS SELECT rec FROM n_touched")
    con.execute("CREATE TEMP TABLE front AS SELECT rec FROM n_touched")
    free = "domain = 'item' AND coalesce(NOT starts_with(vetoed, 'measures:'), TRUE)"
    while con.execute("SELECT count(*) FROM front").fetchall()[0][0]:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE front AS SELECT right_rec AS rec FROM master.match_pair WHERE {free}"
            f" AND left_rec IN (FROM front) UNION SELECT left_rec FROM master.match_pair WHERE {free}"
            " AND right_rec IN (FROM front) EXCEPT SELECT rec FROM reach"
        )
        con.execute("INSERT INTO reach FROM front")
    con.execute("CREATE TEMP TABLE numbered AS SELECT rec, row_number() OVER (ORDER BY rec) - 1 AS number FROM reach")
    found = con.execute(
        "SELECT least(l.number, r.number), greatest(l.number, r.number), p.score::DOUBLE, p.vetoed"
        " FROM master.match_pair AS p"
        " INNER JOIN numbered AS l ON p.left_rec = l.rec INNER JOIN numbered AS r ON p.right_rec = r.rec ORDER BY 1, 2"
    ).fetchall()
    count = con.execute("SELECT count(*) FROM numbered").fetchall()[0][0]
    left, right, score, vetoed = zip(*found, strict=True)
    judge(np.arange(count), Pairs(np.array(left), np.array(right), np.array(score), vetoed), Guards(), item.matching)
    return float(count)


RUNS: dict[str, Callable[[], dict[str, float]]] = {
    "cms": cms,
    "abt": abt,
    "gudid50": gudid50,
    "gudid200": gudid200,
    "million": million,
    "change": change,
}


def _in_a_process(name: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--one", name], check=True, capture_output=True, text=True, cwd=ROOT
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
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
        figures = RUNS[sys.argv[2]]()
        figures.setdefault("peak_gib", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
        print(json.dumps(figures))
        return 0
    failed = False
    for name in sys.argv[1:] or RUNS:
        figures = _in_a_process(name)
        missed = _missed(name, figures)
        failed |= bool(missed)
        print(f"{name}: " + "  ".join(f"{key} {value:,.4g}" for key, value in figures.items()), flush=True)
        for line in missed:
            print(f"  MISSED {line}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
