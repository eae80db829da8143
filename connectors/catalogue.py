"""Reading contracts and networks from YAML, every error at file:line:column.

Here: loading, checking and the JSON Schema for editors. Not here: the models (`connectors.contract`,
`connectors.network`), reading data.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from connectors.contract import DelimitedFormat, FeedContract, Model
from connectors.errors import ConfigurationError
from connectors.network import Network, url_fault
from connectors.yaml_file import has, load_yaml, place_of

#: (is broken, where in the file, what to say)
_Rule = tuple[bool, tuple[str | int, ...], str]
_HINT = "docs/feed-contract.md describes every key"
_RECORD_KEYS = ("key", "columns", "ignore", "supplies")


def load_feeds(folder: Path) -> dict[str, dict[str, FeedContract]]:
    """Every `<system>/<feed>.yml` below `folder`, by system and feed. Raises the first problem found."""
    feeds, problems = _read_feeds(folder)
    if problems:
        raise problems[0]
    return feeds


def check_feeds(folder: Path) -> list[ConfigurationError]:
    """Every problem of every contract below `folder`, each with file:line:column."""
    return _read_feeds(folder)[1]


def _read_feeds(folder: Path) -> tuple[dict[str, dict[str, FeedContract]], list[ConfigurationError]]:
    feeds: dict[str, dict[str, FeedContract]] = {}
    problems: list[ConfigurationError] = []
    for path in sorted(folder.glob("*/*.yml")):
        contract, found = read_contract(path)
        problems += found
        if contract is not None and not found:
            feeds.setdefault(path.parent.name, {})[contract.feed] = contract
    return feeds, problems


def load_contract(path: Path) -> FeedContract:
    """One contract file. Raises ConfigurationError at its first problem."""
    contract, problems = read_contract(path)
    if problems or contract is None:
        raise problems[0]
    return contract


def read_contract(path: Path) -> tuple[FeedContract | None, list[ConfigurationError]]:
    """One contract file and all its problems; the contract is None where it could not be read at all."""
    document, problems = _parse(path)
    if document is None:
        return None, problems
    try:
        contract = FeedContract.model_validate(document)
    except ValidationError as error:
        return None, _located(path, document, error, FeedContract)
    return contract, list(_contract_rules(path, document, contract))


def _contract_rules(path: Path, document: dict[str, Any], contract: FeedContract) -> Iterable[ConfigurationError]:
    """What one model alone cannot know: names of file and folder, parts that must fit each other."""
    rules = (
        (contract.feed != path.stem, ("feed",), f"feed {contract.feed!r} is in file {path.name}"),
        (contract.system != path.parent.name, ("system",), f"system {contract.system!r} is in {path.parent.name}/"),
        (_misfit(contract), ("format", "kind"), f"format {contract.format.kind} does not go with its transport"),
        (
            (contract.format.kind == "x12") != (contract.change.mode == "edi"),
            ("change", "mode"),
            "change mode edi and format x12 go together",
        ),
        (
            contract.change.mode == "incremental" and not contract.change.cursor and contract.format.kind == "table",
            ("change",),
            "an incremental table needs change.cursor",
        ),
        (
            contract.as_of is not None and contract.as_of.origin == "name" and not _has_group(contract),
            ("as_of",),
            "as_of from the name needs a pattern with a group (?P<as_of>...)",
        ),
        (
            contract.format.kind == "delimited" and len(contract.records) > 1,
            ("records",),
            "a delimited file has one kind of row: write key and columns at the top level",
        ),
        *_totals(contract),
        *_hidden_keys(contract),
    )
    return [_problem(path, _as_written(document, where), message) for wrong, where, message in rules if wrong]


def _totals(contract: FeedContract) -> Iterable[_Rule]:
    """Every total of a trailer is the row count or a number column that is let in."""
    if not isinstance(contract.format, DelimitedFormat) or contract.format.trailer is None:
        return
    where = ("format", "trailer", "pattern")
    groups = re.compile(contract.format.trailer.pattern).groupindex
    yield not groups, where, "the pattern has no named group: name what is stated, (?P<rows>...) or (?P<column>...)"
    columns = {c.name: c for record in contract.records.values() for c in record.columns}
    for name in sorted(set(groups) - {"rows"}):
        column = columns.get(name)
        if column is None:
            yield True, where, f"total {name!r} is neither 'rows' nor a column{_close(name, [*columns, 'rows'])}"
            continue
        is_number = column.type.startswith("DECIMAL") or column.type in {"SMALLINT", "INTEGER", "BIGINT"}
        yield not is_number or column.phi, where, f"total {name!r} needs a column of numbers that is let in"


def _hidden_keys(contract: FeedContract) -> Iterable[_Rule]:
    if contract.format.kind == "table":
        return
    for kind, record in contract.records.items():
        for place, name in enumerate(record.key):
            message = f"key {name!r} is a patient column (phi), which is not let in: choose another key"
            yield record.column(name).phi, ("records", kind, "key", place), message


def _misfit(contract: FeedContract) -> bool:
    return (contract.format.kind == "table") != (contract.transport.kind == "database")


def _has_group(contract: FeedContract) -> bool:
    return bool(contract.as_of and contract.as_of.pattern and "(?P<as_of>" in contract.as_of.pattern)


def load_network(path: Path) -> Network:
    """One network file. Raises ConfigurationError at its first problem."""
    document, problems = _parse(path)
    if document is None:
        raise problems[0]
    try:
        network = Network.model_validate(document)
    except ValidationError as error:
        raise _located(path, document, error, Network)[0] from None  # what is in the file may be a secret
    if network.network != path.stem:
        raise _problem(path, ("network",), f"network {network.network!r} is in file {path.name}")
    for name, source in network.sources.items():
        fault = url_fault(source.url) if source.url else None
        if fault:
            raise _problem(path, ("sources", name, "url"), fault)
    return network


def check_network(path: Path, feeds: Mapping[str, Mapping[str, FeedContract]]) -> list[ConfigurationError]:
    """Problems of a network file against the contracts: unknown systems and feeds, sources that live nowhere."""
    try:
        network = load_network(path)
    except ConfigurationError as error:
        return [error]
    document, _ = _parse(path)
    problems = []
    for name, source in network.sources.items():
        where = ("sources", name)
        pack = feeds.get(source.system)
        if pack is None:
            message = f"there is no system {source.system!r} in feeds/{_close(source.system, feeds)}"
            problems.append(_problem(path, (*where, "system"), message))
            continue
        for feed in set(source.feeds or ()) - set(pack):
            message = f"system {source.system} has no feed {feed!r}{_close(feed, pack)}"
            problems.append(_problem(path, (*where, "feeds"), message))
        problems += _lives_nowhere(path, document, name, network, pack)
    return problems


def _lives_nowhere(
    path: Path, document: dict[str, Any] | None, name: str, network: Network, pack: Mapping[str, FeedContract]
) -> list[ConfigurationError]:
    source = network.sources[name]
    kinds = {contract.transport.kind for feed, contract in pack.items() if source.feeds is None or feed in source.feeds}
    missing = [
        message
        for kind, given, message in (
            ("file", source.location, "has file feeds and needs a location"),
            ("database", source.url, "has database feeds and needs a url"),
        )
        if kind in kinds and not given
    ]
    return [_problem(path, ("sources", name), f"source {name} {message}") for message in missing]


def json_schema() -> dict[str, Any]:
    """JSON Schema of a contract file, both forms: one record at the top level, or `records:`."""
    schema = FeedContract.model_json_schema()
    record = schema["$defs"]["RecordContract"]
    for key in _RECORD_KEYS:
        schema["properties"][key] = record["properties"][key]
    required = [key for key in schema["required"] if key != "records"]
    schema["required"] = required
    schema["oneOf"] = [{"required": ["records"]}, {"required": ["key", "columns"]}]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def network_schema() -> dict[str, Any]:
    """JSON Schema of a network file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Network.model_json_schema()}


def schema_files(project: Path) -> dict[Path, str]:
    """The schema files that editors read, by path, with the content they should have."""
    schemas = {"feeds/feed.schema.json": json_schema(), "networks/network.schema.json": network_schema()}
    return {project / name: json.dumps(schema, indent=2) + "\n" for name, schema in schemas.items()}


# -- places -----------------------------------------------------------------------------------------------


def _parse(path: Path) -> tuple[dict[str, Any] | None, list[ConfigurationError]]:
    try:
        return load_yaml(path), []
    except ConfigurationError as error:
        return None, [error]


def _located(
    path: Path, document: dict[str, Any], error: ValidationError, model: type[Model]
) -> list[ConfigurationError]:
    # An unknown key before a missing one: it is mostly the missing one, misspelled.
    details = sorted(error.errors(include_input=False), key=lambda detail: detail["type"] == "missing")
    return [_problem(path, _as_written(document, _where(detail)), _message(detail, model)) for detail in details]


def _where(detail: Mapping[str, Any]) -> tuple[str | int, ...]:
    at = detail.get("ctx", {}).get("at")
    return (*detail["loc"], at) if at else tuple(detail["loc"])


def _as_written(document: Mapping[str, Any], loc: Sequence[str | int]) -> tuple[str | int, ...]:
    """The path as the file has it: the short form has no `records.main`, unions have no branch name."""
    path = list(loc)
    if path[:2] == ["records", "main"] and "records" not in document:
        path = path[2:]
    kept: list[str | int] = []
    node: Any = document
    for part in path:
        if has(node, part):
            node = node[part]
        elif part in {"file", "database", "delimited", "table", "x12"} and isinstance(node, Mapping):
            continue
        else:
            kept.append(part)
            break
        kept.append(part)
    return tuple(kept)


def _message(detail: Mapping[str, Any], model: type[Model]) -> str:
    name = str(detail["loc"][-1]) if detail["loc"] else ""
    if detail["type"] == "extra_forbidden":
        return f"unknown key {name!r}{_close(name, _known_keys(model))}"
    if detail["type"] == "missing":
        return f"{name!r} is missing"
    return str(detail["msg"]).removeprefix("Value error, ")


def _known_keys(model: type[Model]) -> set[str]:
    """Every key that occurs anywhere in the model's schema."""
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return {key for part in parts for key in part.get("properties", {})}


def _close(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def _problem(path: Path, where: Sequence[str | int], message: str) -> ConfigurationError:
    line, column = place_of(path, where)
    key = ".".join(str(part) for part in where)
    return ConfigurationError(message, location=f"{path}:{line}:{column}", key=key or None, hint=_HINT)
