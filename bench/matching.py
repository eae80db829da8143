"""How right, how fast and in how much memory records are matched, on data that nobody on the project wrote.

    python bench/matching.py                    all of it (about half an hour)
    python bench/matching.py cms abt gudid50    some of it (cms abt gudid50 gudid50poor gudid50mild gudid200 million
                                                change)
    python bench/matching.py --tuning gudid50   the tuning part alone

Data: `CONCORD_REAL_DATA`, else `../shared/data`. Each measure runs in a process of its own, so that its peak memory is
its own. Floors stand beside the figures; the exit code is 1 when one is missed. One configuration per domain:
`mastering/domains/*.yml`, the same that syncs use.

**Tuning and held-out part.** Weights are set on the tuning part only; floors hold for the held-out part, and both are
printed. Devices, hospitals and products fall into one of them by the hash of their key (43 and 57 of 100 devices,
so that 200,000 rows of held-out devices exist). Device rows of the two parts are matched apart; hospitals and products
are matched all at once, so that nobody loses a rival, and each pair counts for the part of its left record.

**Noise model of `gudid*`** (`noisy`). Each of the drawn devices of the US device register becomes 1 to 5 rows
(weights 30, 32, 20, 12, 6 %) in eight made-up sources. Of a row, independently: the manufacturer is missing 3 %,
without its legal form 35 %, with it abbreviated 25 %, in capitals 50 %, without punctuation 40 %, cut to its first
two words 10 %, with a typing error 4 %; the part number (catalogue number, else model) is missing 15 %, without
separators 25 %, with other separators 15 %, with a typing error 1 %, a general word (NA, COLOR, SEE NOTES) 2 %; the
primary DI is missing 60 %, wrong in its check digit 0.5 %, the one of another device of the company 0.3 %; the text
is brand and description (or GMDN name), missing 4 %, without the brand 30 %, in capitals 50 %, cut to 30 or 40
characters 25 %, with words abbreviated 25 %, a word dropped 20 %, two words swapped 10 %, a typing error 10 %, followed
by the part number 10 %. Unit-of-use and direct-marking DIs are as in the register, so that they are shared between
devices. docs/mastering.md says where the rates come from. `gudid50poor` (no floor) takes the shares of the order
lines of `x12/`: 61 of 68 have no GTIN, 26 of 68 no part number.
"""

from __future__ import annotations

import hashlib
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
from typing import NamedTuple

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
PARTS = ("tuning", "held_out")
#: Of 100 things so many are in the tuning part.
_TUNING = 43
#: figure -> (floor, ceiling), per measure.
LIMITS: dict[str, dict[str, tuple[float | None, float | None]]] = {
    "cms": {"precision": (0.995, None), "recall": (0.97, None)},
    "abt": {"f1": (0.95, None)},
    "gudid50": {"bcubed_f1": (0.96, None), "precision": (0.95, None), "by_unit_of_use": (None, 0)},
    "gudid50mild": {"by_unit_of_use": (None, 0)},
    "gudid50poor": {"by_unit_of_use": (None, 0)},
    "gudid200": {"bcubed_f1": (0.96, None), "precision": (0.95, None), "by_unit_of_use": (None, 0)},
    "million": {"seconds": (None, 300), "peak_gib": (None, 8)},
    "change": {"seconds": (None, 2), "peak_gib": (None, 2)},
}


def part_of(key: str) -> str:
    """The part that a thing belongs to, by its key in the truth."""
    return PARTS[int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % 100 >= _TUNING]


# -- the noise model -------------------------------------------------------------------------------------


class Noise(NamedTuple):
    """Shares of rows without a primary DI, without a part number and with a text cut short; where it is cut."""

    gtin: float = 0.60
    part: float = 0.15
    cut: float = 0.25
    cut_at: tuple[int, ...] = (30, 40)


_USUAL = Noise()
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


def _part(dice: random.Random, number: str, missing: float) -> str | None:
    if dice.random() < missing:
        return None
    if dice.random() < 0.02:
        return dice.choice(["NA", "N/A", "COLOR", "SEE NOTES", "0"])
    if dice.random() < 0.25:
        number = re.sub(r"[^0-9A-Za-z]", "", number)
    elif dice.random() < 0.2:
        number = re.sub(r"[^0-9A-Za-z]", dice.choice([" ", "-", "/"]), number)
    return _typo(dice, number) if dice.random() < 0.01 else number


def _text(dice: random.Random, brand: str, told: str, number: str, noise: Noise) -> str | None:
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
    if dice.random() < noise.cut:
        text = text[: dice.choice(noise.cut_at)]
    if dice.random() < 0.1:
        text = f"{text} {number}"
    return text.upper() if dice.random() < 0.5 else text


def noisy(rows: int, part: str | None = None, noise: Noise = _USUAL, seed: int = 11) -> pa.Table:
    """`rows` rows with the column `entity` (the device they are), from the register in the order of a seeded shuffle.

    `part`: only its devices. Where there are too few devices for `rows`, they are gone through again with other part
    numbers and without DIs, as devices of companies of a second, third ... market.
    """
    devices = [one for one in _register() if part is None or part_of(str(one[0])) == part]
    dice = random.Random(seed)
    dice.shuffle(devices)
    of_company: dict[str, list[str]] = {}
    for device in devices:
        of_company.setdefault(str(device[4]), []).append(str(device[1]))
    names = "source_system source_key entity gtin mfr_name mfr_part_no description unit_of_use_di direct_marking_di"
    columns: dict[str, list[str | None]] = {name: [] for name in names.split()}
    market = 0
    while len(columns["entity"]) < rows:
        for device in devices:
            _add_rows(dice, columns, device, of_company, market, noise)
            if len(columns["entity"]) >= rows:
                break
        market += 1
    return pa.table({name: pa.array(values[:rows], pa.string()) for name, values in columns.items()})


def _register() -> list[tuple[str | None, ...]]:
    """The devices: key, primary DI, brand, part number, company, description, unit-of-use and direct-marking DI."""
    folder = DATA / "gudid"
    return (
        duckdb.connect()
        .execute(
            "WITH more AS (SELECT key, min(deviceId) FILTER (deviceIdType = 'Unit of Use') AS unit,"
            " min(deviceId) FILTER (deviceIdType = 'Direct Marking') AS direct"
            f" FROM '{folder}/r2022-10_identifiers.parquet' GROUP BY key)"
            " SELECT d.key, d.primary_di, d.brandName, coalesce(d.catalogNumber, d.versionModelNumber) AS part,"
            " d.companyName, coalesce(d.deviceDescription, d.gmdnName) AS told, m.unit, m.direct"
            f" FROM '{folder}/r2022-10_devices.parquet' AS d LEFT JOIN more AS m USING (key) ORDER BY d.key"
        )
        .fetchall()
    )


def _add_rows(
    dice: random.Random,
    columns: dict[str, list[str | None]],
    device: tuple[str | None, ...],
    of_company: dict[str, list[str]],
    market: int,
    noise: Noise,
) -> None:
    key, di, brand, part, named, told, unit, direct = device
    company = named or ""
    if market:
        part, company, unit, direct = f"{'QZKVJ'[market % 5]}{market}{part}", f"{company} {market}", None, None
    sources = dice.sample(range(8), k=dice.choices([1, 2, 3, 4, 5], weights=[30, 32, 20, 12, 6])[0])
    for source in sources:
        chance = dice.random()
        number = di if chance >= noise.gtin and not market else None
        if chance < noise.gtin + 0.005 and number:
            number = number[:-1] + str((int(number[-1]) + 1) % 10)
        elif chance < noise.gtin + 0.008 and number:
            number = dice.choice(of_company[company])
        values = (
            f"s{source}", f"{market}:{key}", f"{market}:{key}", number, _company(dice, company),
            _part(dice, part or "", noise.part),
            _text(dice, brand or "", told or "", part or "", noise), unit, direct,
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


def _gudid(rows: int, part: str, noise: Noise = _USUAL) -> dict[str, float]:
    # The tuning part has devices for some 150,000 rows.
    rows = rows if part == "held_out" else min(rows, 150_000)
    records = noisy(rows, part, noise)
    done, seconds = _matched(records.drop_columns(["entity"]), "item")
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
    without, _ = _matched(records.drop_columns(["entity", *columns]), "item")
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
    return _gudid(50_000, part, Noise(61 / 68, 26 / 68))


def gudid50mild(part: str) -> dict[str, float]:
    """50,000 rows under the milder noise that was chosen after results had been seen: to compare with, no measure."""
    return _gudid(50_000, part, Noise(0.5, 0.08, 0.15, (40,)))


def gudid200(part: str) -> dict[str, float]:
    """200,000 noisy rows of real devices."""
    return _gudid(200_000, part)


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
    return judged(done.clusters["cluster"].to_pylist(), truth) | seconds


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
        start = _Clock()
        figures: dict[str, float] = {"compared": update_pairs(con, "item", item.matching)}
        return figures | {"reached": _judge_reached(con, item), **start.told()}


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


#: Measures of how right it is, for each part; of how fast it is.
RIGHT: dict[str, Callable[[str], dict[str, float]]] = {
    "cms": cms,
    "abt": abt,
    "gudid50": gudid50,
    "gudid50poor": gudid50poor,
    "gudid50mild": gudid50mild,
    "gudid200": gudid200,
}
FAST: dict[str, Callable[[], dict[str, float]]] = {"million": million, "change": change}


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
