"""Statements: what each source said, when, exactly; a function of the intake's history and of nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import ConfigurationError
from tests.mastering.world import SYSTEMS, World, day, gtin


def timeline(world: World, attribute: str, domain: str = "item") -> list[tuple[object, ...]]:
    found = world.rows(
        "SELECT source_key, value, valid_from, valid_to, delivery_id FROM master.statement"
        " WHERE domain = ? AND attribute = ? ORDER BY source_key, valid_from",
        domain,
        attribute,
    )
    return [(key, value, number(begins), number(ends), delivery) for key, value, begins, ends, delivery in found]


def number(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - day(1)).days + 1


def test_a_statement_lasts_until_the_source_says_something_else() -> None:
    world = World().say("item", "erp", "1", day(1), description="Glove", status="active")
    world.say("item", "erp", "1", day(3), description="Glove, nitrile", status="active")
    world.say("item", "erp", "1", day(5), description="Glove, nitrile")
    world.run("item")
    assert timeline(world, "description") == [
        ("1", "Glove", 1, 3, "erp@001"),
        ("1", "Glove, nitrile", 3, None, "erp@003"),
    ]
    assert timeline(world, "status") == [("1", "active", 1, 5, "erp@001")]


def test_a_deleted_record_falls_silent_and_may_come_back() -> None:
    world = World().say("item", "erp", "1", day(1), description="Glove").delete("item", "erp", "1", day(3))
    world.run("item")
    world.say("item", "erp", "1", day(5), description="Glove")
    world.run("item")
    assert timeline(world, "description") == [("1", "Glove", 1, 3, "erp@001"), ("1", "Glove", 5, None, "erp@005")]


def test_a_record_that_vanishes_without_a_tombstone_counts_as_deleted() -> None:
    world = (
        World().say("item", "erp", "1", day(1), description="Glove").say("item", "erp", "2", day(1), description="Gown")
    )
    world.run("item")
    del world.history["item"]["erp", "1"]
    world.run("item", points={"item": [day(4)]})
    assert timeline(world, "description") == [("1", "Glove", 1, 4, "erp@001"), ("2", "Gown", 1, None, "erp@001")]
    assert world.ids("item")["erp/1"] == 1


@pytest.mark.parametrize(
    ("attribute", "raw", "value", "fault"),
    [
        ("std_cost", "1.5", "1.5000", None),
        ("std_cost", " 1.50000 ", "1.5000", None),
        ("std_cost", "1.23456", "1.2346", "not exactly a DECIMAL(18,4)"),
        ("std_cost", "cheap", "cheap", "not exactly a DECIMAL(18,4)"),
        ("shelf_life_days", "30", "30", None),
        ("shelf_life_days", "30.5", "31", "not exactly a INTEGER"),
        ("is_stock", "t", "true", None),
        ("is_stock", "maybe", "maybe", "not exactly a BOOLEAN"),
        ("description", "  Glove ", "Glove", None),
    ],
)
def test_values_are_typed_exactly_and_the_raw_value_is_kept(
    attribute: str, raw: str, value: str, fault: str | None
) -> None:
    world = World().say("item", "erp", "1", **{attribute: raw})
    world.run("item")
    found = world.rows("SELECT value, raw_value, fault FROM master.statement WHERE attribute = ?", attribute)
    assert found == [(value, raw, fault)]
    golden = world.rows(f"SELECT CAST({attribute} AS VARCHAR) FROM master.golden_item")
    assert golden == [(None if fault else value,)]
    assert world.findings("invalid_value") == (
        [("erp|1|" + attribute, f"{attribute} {value}: {fault}")] if fault else []
    )


def test_a_date_is_not_cut_out_of_a_time() -> None:
    world = (
        World()
        .say("supplier", "erp", "1", onboarded_date="2020-02-30")
        .say("supplier", "erp", "2", onboarded_date="2020-02-28 10:00:00")
    )
    world.say("supplier", "erp", "3", onboarded_date="2020-02-28")
    world.run("supplier")
    found = world.rows("SELECT source_key, fault IS NULL FROM master.statement ORDER BY source_key")
    assert found == [("1", False), ("2", False), ("3", True)]


def test_blank_is_silence() -> None:
    world = World().say("item", "erp", "1", description="  ", status="active")
    world.run("item")
    assert timeline(world, "description") == []


def test_a_tax_id_is_nowhere_in_the_database() -> None:
    world = World().say("supplier", "erp", "V1", legal_name="Acme", tax_id="91-1144442")
    world.say("supplier", "erp", "V2", legal_name="Bad", tax_id="07-1144443")
    world.run("supplier")
    world.rows("DROP TABLE intake_supplier")
    tables = world.rows(
        "SELECT database_name, schema_name, table_name FROM duckdb_tables() WHERE NOT internal ORDER BY ALL"
    )
    assert ("memory", "master", "statement") in tables
    for catalog, schema, table in tables:
        text = repr(world.rows(f'SELECT * FROM "{catalog}"."{schema}"."{table}"'))
        assert "1144442" not in text.replace("-", ""), table
        assert "1144443" not in text.replace("-", ""), table
    stored = world.rows("SELECT value, raw_value FROM master.statement WHERE attribute = 'tax_id' ORDER BY source_key")
    assert [len(value) for row in stored for value in row] == [64, 64, 64, 64]
    assert world.rows("SELECT tax_id_hash FROM master.golden_supplier ORDER BY supplier_sk") == [
        (stored[0][0],),
        (None,),
    ]
    assert len(world.findings("invalid_identifier")) == 1


def test_a_secret_without_a_key_stops_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONCORD_TAX_KEY", raising=False)
    world = World(secret_key=None).say("supplier", "erp", "V1", tax_id="91-1144442")
    with pytest.raises(ConfigurationError, match="Set CONCORD_TAX_KEY"):
        world.run("supplier")


def test_the_environment_s_key_goes_before_the_home_s(monkeypatch: pytest.MonkeyPatch) -> None:
    def hashed() -> object:
        world = World().say("supplier", "erp", "V1", tax_id="91-1144442")
        world.run("supplier")
        return world.rows("SELECT tax_id_hash FROM master.golden_supplier")[0][0]

    of_the_home = hashed()
    monkeypatch.setenv("CONCORD_TAX_KEY", "of the network")
    assert hashed() != of_the_home


def test_an_intake_without_a_column_is_refused() -> None:
    world = World().say("item", "erp", "1", description="Glove")
    world.run("item")
    world.con.execute("ALTER TABLE intake_item DROP COLUMN gtin")
    from mastering.engine import master_domain

    with pytest.raises(ConfigurationError, match=r'lacks "gtin"'):
        master_domain(
            world.con,
            world.rules["item"],
            lambda _: "SELECT * FROM intake_item",
            [day(2)],
            world.ledger,
            9,
            world.now,
            source_systems=SYSTEMS,
        )


def test_a_late_delivery_ends_as_if_in_time() -> None:
    late, punctual = World(), World()
    late.say("item", "erp", "1", day(1), description="A").say("item", "erp", "1", day(5), description="C")
    late.say("item", "north", "9", day(4), description="N", gtin=gtin(1))
    late.run("item")
    late.say("item", "erp", "1", day(3), description="B", gtin=gtin(1))
    late.run("item")
    for key, at, text in (("1", 1, "A"), ("1", 3, "B"), ("1", 5, "C")):
        punctual.say("item", "erp", key, day(at), description=text, gtin=gtin(1) if at == 3 else None)
    punctual.say("item", "north", "9", day(4), description="N", gtin=gtin(1))
    punctual.run("item")
    assert timeline(late, "description")[:3] == [
        ("1", "A", 1, 3, "erp@001"),
        ("1", "B", 3, 5, "erp@003"),
        ("1", "C", 5, None, "erp@005"),
    ]
    assert late.state("item") == punctual.state("item")


def test_a_late_delivery_touches_only_what_it_changes() -> None:
    world = World().say("item", "erp", "1", day(1), description="A").say("item", "erp", "2", day(4), description="Z")
    world.run("item")
    world.say("item", "erp", "1", day(2), description="B")
    world.run("item")
    assert world.touched() == {"record": 2, "statement": 2, "golden_item": 2, "survivorship_log": 2, "state": 1}


CHANGE = st.tuples(
    st.sampled_from(["1", "2"]),
    st.integers(1, 6),
    st.sampled_from(["", "a", "b"]),
    st.sampled_from(["", "x"]),
    st.booleans(),
)


@settings(max_examples=5, deadline=None)
@given(st.lists(CHANGE, min_size=1, max_size=8), st.data())
def test_any_batching_gives_the_same_statements(
    changes: list[tuple[str, int, str, str, bool]], data: st.DataObject
) -> None:
    """All at once, against batches in any order, each of which rewrites history from its earliest instant on."""
    at_once, in_batches = World(), World()
    latest = {(key, at): (text, status, gone) for key, at, text, status, gone in changes}
    order = data.draw(st.permutations(sorted(latest.items())))

    def tell(world: World, key: str, at: int, text: str, status: str, gone: bool) -> None:
        if gone:
            world.delete("item", "erp", key, day(at))
        else:
            world.say("item", "erp", key, day(at), description=text or None, status=status or None)

    for (key, at), said in latest.items():
        tell(at_once, key, at, *said)
    at_once.run("item")
    for (key, at), said in order:
        tell(in_batches, key, at, *said)
        if data.draw(st.booleans()):
            in_batches.run("item")
    in_batches.run("item")
    assert in_batches.state("item") == at_once.state("item")


def test_what_another_domain_moved_is_looked_at_once() -> None:
    """A new supplier that no item knows: items are up to it after one look, and the next run leaves them alone."""
    world = World().say("supplier", "erp", "V1", legal_name="A").say("item", "erp", "1", description="x")
    world.run()
    world.say("supplier", "suite", "V9", day(2), legal_name="Quite another")
    world.run()
    looked = world.rows("SELECT change_seq FROM master.state WHERE domain = 'item'")
    assert looked == [(world.seq,)]
    world.run()
    assert world.rows("SELECT change_seq FROM master.state WHERE domain = 'item'") == looked


def test_an_ndc_is_read_by_the_forms_of_the_day_on_which_it_was_said() -> None:
    """Twelve bare digits prove something from the day of the new form on, whenever anybody looks at them."""
    before, since = datetime(2033, 3, 6, 23, 59, tzinfo=UTC), datetime(2033, 3, 7, tzinfo=UTC)
    at_once, in_steps = World(), World()
    for world in (at_once, in_steps):
        world.say("item", "erp", "1", before, ndc="123456789012", description="Vial")
    in_steps.run("item")
    for world in (at_once, in_steps):
        world.say("item", "erp", "1", since, ndc="123456789012", description="Vial, box of ten")
        world.say("item", "north", "a", since, ndc="000002759701").say(
            "item", "south", "b", day(1), ndc="00002-7597-01"
        )
        world.run("item")
    query = (
        "SELECT source_key, value, fault IS NULL FROM master.statement WHERE attribute = 'ndc'"
        " ORDER BY source_key, valid_from"
    )
    assert at_once.rows(query) == [
        ("1", "123456789012", False),
        ("1", "123456789012", True),
        ("a", "00002759701", True),
        ("b", "00002759701", True),
    ]
    assert in_steps.state("item") == at_once.state("item")
    assert frozenset({"north/a", "south/b"}) in at_once.groups("item")
