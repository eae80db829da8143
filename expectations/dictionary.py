"""The data dictionary page, generated from the promises: `python -m expectations.dictionary > docs/data-dictionary.md`.

Here: Markdown from promises. Not here: comments in the database (`expectations.ddl`). A test fails when the
committed page is not what this module writes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from expectations.promise import Column, Expectation, TablePromise, load_promises

_HEADER = """# Data dictionary

Generated from `expectations/tables/*.yml` by `python -m expectations.dictionary`; do not edit. The same text is in the
published file as `COMMENT ON`, so any SQL client shows it.

Conventions: times (`*_ts`) are UTC; `*_local_date` is the day where it happened; unknown dates are NULL. Money and
quantities are exact decimals. An `*_sk` is a golden record's id, the same over all its versions: -1 means that the
source gave no key, -2 that its key matches no record yet. Columns that begin with `_` say where a row comes from.
"""


def dictionary(promises: Mapping[str, TablePromise]) -> str:
    """The whole page: contents, then one section per table, conformed tables first."""
    ordered = sorted(promises.values(), key=lambda promise: (promise.schema_name, promise.table))
    lines = [_HEADER]
    lines += [f"- [{p.qualified}](#{_anchor(p)}): {p.description}" for p in ordered]
    for promise in ordered:
        lines += ["", *_section(promise)]
    return "\n".join(lines) + "\n"


def _anchor(promise: TablePromise) -> str:
    """The anchor GitHub gives the heading: dots fall away."""
    return promise.qualified.replace(".", "")


def _section(promise: TablePromise) -> Iterator[str]:
    yield f"## {promise.qualified}"
    yield ""
    yield promise.description
    yield ""
    yield f"- Grain: {promise.grain}"
    yield f"- Key: {', '.join(f'`{name}`' for name in promise.key)}"
    yield f"- Built: {_build(promise)}"
    if promise.freshness:
        yield f"- Freshness: `{promise.freshness.column}` not older than {promise.freshness.max_age_hours} h"
    for reference in promise.references:
        yield f"- `{', '.join(reference.columns)}` refers to `{promise.schema_name}.{reference.table}`"
    yield ""
    yield "| column | type | unit | description | source |"
    yield "|---|---|---|---|---|"
    for column in promise.columns:
        yield _row(column)
    if promise.expectations:
        yield ""
        yield "Promises beyond key, NOT NULL and references:"
        yield ""
    for expectation in promise.expectations:
        yield _promise(expectation)


def _build(promise: TablePromise) -> str:
    build = promise.build
    if build.mode == "incremental":
        return f"from what changed in `{build.driver}`"
    return "in full when an input changed" if build.mode == "full" else f"copied from the {build.source} database"


def _row(column: Column) -> str:
    kind = column.type if column.nullable else f"{column.type} NOT NULL"
    cells = (f"`{column.name}`", kind, column.unit or "", column.description, column.source or "")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _promise(expectation: Expectation) -> str:
    return f"- {expectation.name} ({expectation.severity}): {expectation.description}"


if __name__ == "__main__":
    sys.stdout.write(dictionary(load_promises(Path(__file__).parent / "tables")))
