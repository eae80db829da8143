"""A later state of real records: history for exactly those that changed, and none when it is replayed.

The register of US devices has one release here, so the later state is derived, by the hash of the device's number: of
each hundred devices one has another description, one is no longer distributed, one is gone; and a hundred are new.
"""

from __future__ import annotations

import random
from pathlib import Path

import duckdb
import pytest

from tests.mastering.world import NOW, World, day

pytestmark = pytest.mark.real_data

#: Devices of the first state; those that come with the second.
FIRST, NEW = 2000, 100
Row = dict[str, str | None]


def devices(folder: Path) -> dict[str, Row]:
    """What the register says of some devices, by the number of the record."""
    rows = duckdb.sql(
        "SELECT key, deviceDescription, companyName, coalesce(catalogNumber, versionModelNumber), primary_di,"
        " CASE deviceCommDistributionStatus WHEN 'In Commercial Distribution' THEN 'active' ELSE 'inactive' END"
        f" FROM '{folder}/gudid/r2022-10_devices.parquet' WHERE agency = 'GS1' ORDER BY hash(key) LIMIT {FIRST + NEW}"
    ).fetchall()
    names = ("description", "mfr_name", "mfr_part_no", "udi_di", "status")
    return {str(key): dict(zip(names, said, strict=True)) for key, *said in rows}


def later(known: dict[str, Row]) -> tuple[dict[str, Row | None], dict[str, str]]:
    """The second state of the first devices, and what became of each that is another one."""
    state: dict[str, Row | None] = {}
    became: dict[str, str] = {}
    for number, (key, row) in enumerate(known.items()):
        what = {0: "described", 1: "withdrawn", 2: "gone"}.get(number % 100, "")
        change: Row = {"description": f"{row['description']} (new label)"} if what == "described" else {}
        change |= {"status": "withdrawn"} if what == "withdrawn" else {}
        state[key] = None if what == "gone" else row | change
        if what:
            became[key] = what
    return state, became


def told(world: World, state: dict[str, Row | None], on: int, seed: int = 0) -> None:
    """The whole state as the register delivers it on a day, in some order."""
    rows = list(state.items())
    random.Random(seed).shuffle(rows)
    for key, row in rows:
        if row is None:
            world.delete("item", "dc", key, day(on))
        else:
            world.say("item", "dc", key, day(on), **row)


def versions(world: World) -> dict[str, int]:
    """Versions of the golden record of each device."""
    return dict(
        world.rows(
            "SELECT x.source_key, count(*) FROM master.xref_item AS x"
            " INNER JOIN master.golden_item AS g USING (item_sk) WHERE x.source_system = 'dc' GROUP BY x.source_key"
        )
    )


def test_a_later_state_makes_history_for_exactly_what_changed_and_again_none(real_data: Path) -> None:
    every = devices(real_data)
    first, new = dict(list(every.items())[:FIRST]), dict(list(every.items())[FIRST:])
    world = World(now=NOW)
    told(world, dict(first), 1)
    world.run("item")
    ids, before = world.ids("item"), versions(world)
    state, became = later(first)
    assert {what: list(became.values()).count(what) for what in ("described", "withdrawn", "gone")} == {
        "described": FIRST // 100,
        "withdrawn": FIRST // 100,
        "gone": FIRST // 100,
    }
    told(world, state | dict(new), 2, seed=1)
    done = world.run("item")["item"]
    assert done.changed_records == len(became) + NEW

    said = dict(
        world.rows(
            "SELECT source_key, string_agg(DISTINCT attribute, ' ' ORDER BY attribute) FROM master.statement"
            " WHERE valid_to IS NOT NULL OR valid_from = ? GROUP BY source_key",
            day(2),
        )
    )
    assert {key for key in said if key in first} == set(became)
    assert {said[key] for key, what in became.items() if what == "described"} == {"description"}
    assert {said[key] for key, what in became.items() if what == "withdrawn"} == {"status"}
    # A golden record has another version only where a device of it said something else, or a new one came to it.
    now = world.ids("item")
    theirs = {now[f"dc/{key}"] for key in (*became, *new)}
    touched = {key.removeprefix("dc/") for key, sk in ids.items() if sk in theirs}
    grown = {key for key, count in versions(world).items() if key in before and count != before[key]}
    assert grown <= touched
    assert {key for key, what in became.items() if what == "withdrawn" and first[key]["status"] != "withdrawn"} <= grown
    assert {key: sk for key, sk in now.items() if key in ids} == ids

    # The same state again, on a later day and in another order: nothing.
    told(world, state | dict(new), 3, seed=2)
    again = world.run("item")["item"]
    assert (again.changed_records, again.statements_opened, again.minted, again.merged) == (0, 0, 0, 0)
    assert world.touched() == {}


def test_shuffled_rows_and_sources_give_the_same_ids_again(real_data: Path) -> None:
    """The same ledger, another order of rows, of sources and of deliveries: no id is another one."""
    every = dict(list(devices(real_data).items())[:500])
    hospital = {key: row | {"udi_di": None} for key, row in every.items()}

    def world(seed: int, sources: tuple[str, str]) -> World:
        made = World(now=NOW)
        if seed:
            made.ledger = first.ledger
        for source in sources:
            rows = list((every if source == "dc" else hospital).items())
            random.Random(seed).shuffle(rows)
            for key, row in rows:
                made.say("item", source, key, day(1), **row)
            if seed % 2:
                made.run("item")
        made.run("item")
        return made

    first = world(0, ("dc", "north"))
    ids = first.state("item", with_ids=True)
    for seed, sources in ((2, ("dc", "north")), (3, ("north", "dc"))):
        assert world(seed, sources).state("item", with_ids=True) == ids
