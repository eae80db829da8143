"""Contracts and networks from YAML: every mistake at its file, line and column, with what to do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped, unused-ignore]
import pytest
import yaml

from connectors.catalogue import (
    check_feeds,
    check_network,
    json_schema,
    load_contract,
    load_feeds,
    load_network,
    network_schema,
    schema_files,
)
from connectors.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = sorted((ROOT / "feeds").glob("*/*.yml"))
NETWORKS = sorted((ROOT / "networks").glob("*.yml"))

FEED = """\
feed: stock
system: erp
description: stock by item
owner: supply chain
transport: {kind: file, path: "stock_*.csv"}
format:
  kind: delimited
  delimiter: ";"
change: {mode: snapshot}
as_of: {origin: name, pattern: "_(?P<as_of>[0-9]{8})"}
key: [item]
columns:
  - {source: Item, name: item, type: VARCHAR, description: item number}
  - source: Qty
    name: qty
    type: DECIMAL(18,6)
    description: on hand
ignore:
  Note: free text
"""

NETWORK = """\
network: lab
description: a lab
timezone: America/New_York
sources:
  erp:
    system: erp
    location: extracts
    url: env:ERP_URL
"""


def _feed(folder: Path, text: str, name: str = "erp/stock.yml") -> list[ConfigurationError]:
    path = folder / "feeds" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return check_feeds(folder / "feeds")


def _network(folder: Path, text: str) -> ConfigurationError:
    path = folder / "lab.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_network(path)
    return caught.value


def _place(error: ConfigurationError) -> tuple[str, int, int]:
    assert error.location is not None
    path, line, column = error.location.rsplit(":", 2)
    return Path(path).name, int(line), int(column)


def test_a_right_contract_has_no_problems(tmp_path: Path) -> None:
    assert _feed(tmp_path, FEED) == []
    contract = load_feeds(tmp_path / "feeds")["erp"]["stock"]
    assert contract.records["main"].column("qty").type == "DECIMAL(18,6)"
    assert load_contract(tmp_path / "feeds/erp/stock.yml") == contract


#: (what is replaced, by what, line, column, how the message begins)
MISTAKES = [
    ("owner: supply", "onwer: supply", 4, 1, "unknown key 'onwer'; did you mean 'owner'?"),
    ("owner: supply chain\n", "", 1, 1, "'owner' is missing"),
    ("  delimiter:", "  delimeter:", 8, 3, "unknown key 'delimeter'; did you mean 'delimiter'?"),
    ('delimiter: ";"', 'delimiter: ";;"', 8, 3, "';;' must be one ASCII character"),
    ('delimiter: ";"', "delimiter: '\"'", 8, 3, "delimiter '\"' cannot be the quote"),
    ("kind: delimited", "kind: xls", 6, 1, "Input tag 'xls' found using 'kind' does not match"),
    ("type: DECIMAL(18,6)", "type: FLOAT", 16, 5, "'FLOAT' is not a contract type"),
    ("type: DECIMAL(18,6)", "type: DECIMAL(3,6)", 16, 5, "'DECIMAL(3,6)' is not a contract type"),
    ("type: DECIMAL(18,6)", "type: [a]", 16, 5, "Input should be a valid string"),
    ("type: VARCHAR, d", "type: VARCHAR, required: perhaps, d", 13, 47, "Input should be a valid boolean"),
    ("name: qty", "name: Qty-1", 15, 5, "String should match pattern"),
    ("name: qty", "name: item", 12, 1, "column name item is given twice"),
    ("source: Qty", "source: Item", 12, 1, "column source Item is given twice"),
    ("key: [item]", "key: [items]", 11, 1, "key items is not among the columns"),
    ("key: [item]", "key: []", 11, 1, "Tuple should have at least 1 item"),
    ("  Note: free", "  Item: free", 18, 1, "Item is both mapped and ignored"),
    (
        "    description: on hand",
        "    description: on hand\n    name: quantity",
        18,
        5,
        "not valid YAML: key 'name' is there twice",
    ),
    ("mode: snapshot", "mode: sometimes", 9, 10, "Input should be 'snapshot', 'incremental'"),
    (
        "mode: snapshot",
        "mode: snapshot, effective: Qty",
        9,
        1,
        "change.effective is no TIMESTAMPTZ column of record main",
    ),
    ("mode: snapshot", "mode: edi", 9, 10, "change mode edi and format x12 go together"),
    ("kind: file, path", "kind: database, table", 7, 3, "format delimited does not go with its transport"),
    ("(?P<as_of>[0-9]{8})", "([0-9]{8})", 10, 1, "as_of from the name needs a pattern with a group"),
    ("(?P<as_of>[0-9]{8})", "(?P<as_of>[0-9]{8}", 10, 23, "'_(?P<as_of>[0-9]{8}' is no regular expression"),
    ("feed: stock", "feed: stocks", 1, 1, "feed 'stocks' is in file stock.yml"),
    ("system: erp", "system: other", 2, 1, "system 'other' is in erp/"),
    ('"stock_*.csv"', '"/etc/*"', 5, 25, "'/etc/*' must be a pattern below the source's location"),
    ('"stock_*.csv"', '"../*.csv"', 5, 25, "'../*.csv' must be a pattern below the source's location"),
    ('"stock_*.csv"', '"a/../../*.csv"', 5, 25, "'a/../../*.csv' must be a pattern below"),
    ("owner: supply chain\n", "owner: supply chain\nexpected_by: '25:00'\n", 5, 1, "String should match pattern"),
    (
        "owner: supply chain\n",
        "owner: a\nvolume: {min_rows: 5, max_rows: 2}\n",
        5,
        23,
        "max_rows 2 is below min_rows 5",
    ),
    ("owner: supply chain\n", "owner: a\nreject_threshold: 2\n", 5, 1, "Input should be less than or equal to 1"),
    (
        "    description: on hand",
        "    description: on hand\n    format: '%Y'",
        18,
        5,
        "format means nothing for type DECIMAL",
    ),
    ("description: item number", "description: x, thousands: ','", 13, 63, "thousands means nothing for type VARCHAR"),
    (
        "    description: on hand",
        "    description: x\n    decimal_point: ','\n    thousands: ','",
        19,
        5,
        "thousands and decimal_p",
    ),
    ("type: DECIMAL(18,6)", "type: DATE\n    format: yyyymmdd", 17, 5, "'yyyymmdd' is no strptime format"),
    ("type: DECIMAL(18,6)", "type: DATE\n    format: '%Q'", 17, 5, "'%Q' is no strptime format"),
    ("type: DECIMAL(18,6)", "type: TIMESTAMPTZ\n    timezone: EST5", 17, 5, "'EST5' is no IANA time zone"),
    (
        "type: DECIMAL(18,6)",
        "type: TIMESTAMPTZ\n    timezone: ../../etc/passwd",
        17,
        5,
        "'../../etc/passwd' is no IANA",
    ),
    (
        'delimiter: ";"',
        "trailer: {pattern: 'T;(?P<qtty>.*)'}",
        8,
        13,
        "total 'qtty' is neither 'rows' nor a column; did",
    ),
    ('delimiter: ";"', "trailer: {pattern: 'T;(?P<item>.*)'}", 8, 13, "total 'item' needs a column of numbers"),
    ('delimiter: ";"', "trailer: {pattern: 'T;.*'}", 8, 13, "the pattern has no named group"),
    ("type: VARCHAR, d", "type: VARCHAR, phi: true, d", 11, 7, "key 'item' is a patient column"),
    ("feed: stock", "feed: [stock", 2, 7, "not valid YAML"),
    ("feed: stock", "feed: stock\n\tx: y", 2, 1, "not valid YAML"),
    ("feed: stock", "? [a, b]\n: x\nfeed: stock", 1, 3, "not valid YAML: a key must be a plain text"),
    (
        "feed: stock",
        "feed: !!python/object/apply:os.system [id]",
        1,
        7,
        "not valid YAML: could not determine a constructor",
    ),
    ("feed: stock", "1: x\nfeed: stock", 1, 1, ""),
]


@pytest.mark.parametrize(("old", "new", "line", "column", "message"), MISTAKES)
def test_a_mistake_is_shown_where_it_is(
    tmp_path: Path, old: str, new: str, line: int, column: int, message: str
) -> None:
    assert FEED.count(old) >= 1
    problems = _feed(tmp_path, FEED.replace(old, new, 1))
    assert problems
    assert problems[0].message.startswith(message), problems[0].message
    assert _place(problems[0]) == ("stock.yml", line, column)
    assert problems[0].hint


@pytest.mark.parametrize("text", ["", "- a\n", "just text\n", "\xff\xfe"])
def test_what_is_no_contract_at_all(tmp_path: Path, text: str) -> None:
    (problem,) = _feed(tmp_path, text)
    assert _place(problem) == ("stock.yml", 1, 1)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "feeds/erp/stock.yml"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"feed: \xe9\n")
    (problem,) = check_feeds(tmp_path / "feeds")
    assert problem.message.startswith("cannot be read")


def test_every_problem_of_every_contract_is_shown_at_once(tmp_path: Path) -> None:
    _feed(tmp_path, FEED.replace("onwer", "x").replace("owner:", "onwer:").replace("type: VARCHAR", "type: TEXT"))
    problems = _feed(tmp_path, FEED.replace("feed: stock", "feed: item"), "erp/order.yml")
    assert [_place(p)[:2] for p in problems] == [
        ("order.yml", 1),
        ("stock.yml", 13),
        ("stock.yml", 4),
        ("stock.yml", 1),
    ]
    with pytest.raises(ConfigurationError, match="is in file order"):
        load_feeds(tmp_path / "feeds")


def test_several_kinds_of_rows_are_for_formats_that_have_them(tmp_path: Path) -> None:
    head, body = FEED.split("key: [item]\n")
    kind = "    key: [item]\n" + "".join(f"    {line}\n" for line in body.splitlines())
    problems = _feed(tmp_path, f"{head}records:\n  one:\n{kind}  two:\n{kind}")
    assert problems[0].message.startswith("a delimited file has one kind of row")
    assert _place(problems[0])[1] == 11


# -- networks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "message"),
    [
        ("network: lab", "network: other", 1, 1, "network 'other' is in file lab.yml"),
        ("    system: erp", "    sytem: erp", 6, 5, "unknown key 'sytem'; did you mean 'system'?"),
        ("timezone: America/New_York", "timezone: New York", 3, 1, "'New York' is no IANA time zone"),
        ("  erp:\n", "  ERP:\n", 5, 3, "String should match pattern"),
        ("env:ERP_URL", "'env:'", 8, 5, "env: must be followed by the name of an environment variable"),
        ("env:ERP_URL", "env:$(id)", 8, 5, "env: must be followed by the name of an environment variable"),
        ("env:ERP_URL", "home:../../etc/passwd", 8, 5, "'home:../../etc/passwd' must be a path below CONCORD_HOME"),
        ("env:ERP_URL", "home:/etc/passwd", 8, 5, "'home:/etc/passwd' must be a path below CONCORD_HOME"),
        ("env:ERP_URL", "erp.sqlite", 8, 5, "not a SQLAlchemy URL"),
        ("location: extracts", "location: home:a/../../b", 7, 5, "'home:a/../../b' must be a path below CONCORD_HOME"),
        ("location: extracts", "location: ''", 7, 5, "empty: write a path"),
        (
            "description: a lab\n",
            "description: a lab\nschedules: {nightly: '2 am'}\n",
            3,
            13,
            "'2 am' is no cron expression",
        ),
        (
            "description: a lab\n",
            "description: a lab\nfiscal_year_start_month: 13\n",
            3,
            1,
            "Input should be less than",
        ),
        (
            "    url: env:ERP_URL",
            "    url: env:ERP_URL\n    url: env:B",
            9,
            5,
            "not valid YAML: key 'url' is there twice",
        ),
    ],
)
def test_a_mistake_in_a_network_is_shown_where_it_is(
    tmp_path: Path, old: str, new: str, line: int, column: int, message: str
) -> None:
    assert NETWORK.count(old) == 1
    error = _network(tmp_path, NETWORK.replace(old, new))
    assert error.message.startswith(message), error.message
    assert _place(error) == ("lab.yml", line, column)
    assert error.hint


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://erp:CANARY@db/erp",
        "postgresql://:CANARY@db/erp",
        "postgresql://db/erp?user=erp&password=CANARY",
        "mssql+pyodbc://db/erp?PWD=CANARY",
        "https://db/?api_key=CANARY",
    ],
)
def test_a_secret_that_is_written_out_is_refused_and_never_repeated(tmp_path: Path, url: str) -> None:
    error = _network(tmp_path, NETWORK.replace("env:ERP_URL", url))
    assert "a password is written out" in error.message
    assert "env:NAME" in error.message
    assert _place(error)[1:] == (8, 5)
    assert "CANARY" not in repr(error.fields()) + str(error)
    assert error.__cause__ is None


def test_a_secret_beside_another_mistake_is_not_repeated_either(tmp_path: Path) -> None:
    import traceback

    text = NETWORK.replace("url: env:ERP_URL", "url: [postgresql://erp:CANARY@db/erp]")
    error = _network(tmp_path, text)
    assert "CANARY" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    "url", ["sqlite:///erp.sqlite", "postgresql+psycopg://reader@db/erp", "env:X", "home:erp.sqlite"]
)
def test_urls_without_a_secret_may_be_written_out(tmp_path: Path, url: str) -> None:
    (tmp_path / "lab.yml").write_text(NETWORK.replace("env:ERP_URL", url))
    assert load_network(tmp_path / "lab.yml").sources["erp"].url == url


def test_a_network_must_fit_the_contracts(tmp_path: Path) -> None:
    _feed(tmp_path, FEED)
    feeds = load_feeds(tmp_path / "feeds")
    path = tmp_path / "lab.yml"
    sources = """  a: {system: epr, location: x}
  b: {system: erp, url: env:X}
  c: {system: erp, location: x, feeds: [stok]}
"""
    path.write_text(NETWORK.split("  erp:")[0] + sources)
    assert [(p.message, _place(p)[1:]) for p in check_network(path, feeds)] == [
        ("there is no system 'epr' in feeds/; did you mean 'erp'?", (5, 7)),
        ("source b has file feeds and needs a location", (6, 3)),
        ("system erp has no feed 'stok'; did you mean 'stock'?", (7, 33)),
    ]


# -- the project's own files, and the schemas of editors --------------------------------------------------


def test_the_schema_files_are_current() -> None:
    for path, content in schema_files(ROOT).items():
        assert path.read_text(encoding="utf-8") == content, f"{path.name}: run `concord feeds schema --write`"


@pytest.mark.parametrize("path", CONTRACTS + NETWORKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_files_name_their_schema_and_fit_it(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert match, "the first line tells editors the schema"
    schema = json.loads((path.parent / match[1]).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(_document(path.read_text(encoding="utf-8")))


def _document(text: str) -> Any:
    return json.loads(json.dumps(yaml.safe_load(text)))


def test_the_schemas_are_schemas_and_refuse_mistakes() -> None:
    for schema, text in ((json_schema(), FEED), (network_schema(), NETWORK)):
        jsonschema.Draft202012Validator.check_schema(schema)
        checker = jsonschema.Draft202012Validator(schema)
        assert checker.is_valid(_document(text))
        assert not checker.is_valid(_document(text) | {"unheard_of": 1})
        assert not checker.is_valid({k: v for k, v in _document(text).items() if k != "description"})
    both = _document(FEED) | {"records": {}}
    assert not jsonschema.Draft202012Validator(json_schema()).is_valid(both)


def test_the_reference_page_names_every_key() -> None:
    page = (ROOT / "docs" / "feed-contract.md").read_text(encoding="utf-8")
    for schema in (json_schema(), network_schema()):
        parts = [schema, *schema["$defs"].values()]
        for key in {key for part in parts for key in part.get("properties", {})}:
            assert f"`{key}`" in page, f"docs/feed-contract.md does not describe {key}"


def test_the_examples_of_the_reference_page_are_right(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "feed-contract.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", page, re.M | re.S)
    (feed,) = [block for block in blocks if "\nfeed:" in block]
    (network,) = [block for block in blocks if "\nnetwork:" in block]
    assert _feed(tmp_path, feed, "inventory/stock.yml") == []
    (tmp_path / "county.yml").write_text(network, encoding="utf-8")
    assert set(load_network(tmp_path / "county.yml").sources) == {"county_erp", "county_stock"}


def test_the_walk_through_names_the_schema_too() -> None:
    page = (ROOT / "docs" / "add-a-feed.md").read_text(encoding="utf-8")
    assert "feeds/inventory/cabinet_count.yml\n# yaml-language-server: $schema=../feed.schema.json\n" in page
