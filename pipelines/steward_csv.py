"""Cases and decisions as CSV, for bulk work in a spreadsheet: out, and back in again.

Here: the columns, neutral cells, errors with file, line and column. Not here: single decisions
(`pipelines.stewardship`).
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from assets.decided import ruling_of
from connectors.errors import ConcordError, ConfigurationError
from mastering.decisions import Expected, Ruling
from pipelines import stewardship as steward
from pipelines.quarantine import line
from store.control import Control
from store.query import harmless

_FILLED_IN = ("decision", "value", "reason")
CASE_COLUMNS = (
    *("case_id", "domain", "kind", "left", "right", "attribute", "why", "evidence", "score"),
    *("spend_amount", "open_order_lines", *_FILLED_IN),
)
DECISION_COLUMNS = (
    *("decision_id", "decided_ts", "who", "domain", "decision", "left", "right", "attribute", "value", "case_id"),
    *("expect_record", "expect_value", "reason"),
)
_KNOWN = frozenset({*CASE_COLUMNS, *DECISION_COLUMNS})
_PAIRS = ("same", "different", "rekey", "split")


def run_export(home: Path | None, domain: str | None, decisions: bool, target: Path | None, out: Console) -> None:
    """Write the CSV."""
    folder = steward.home_of(home)
    columns, rows = (
        (DECISION_COLUMNS, _decisions(folder, domain)) if decisions else (CASE_COLUMNS, _cases(folder, domain))
    )
    written = io.StringIO()
    # Carriage return and line feed, so that either within a cell puts the cell in quotes.
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow([neutral(row.get(name, "")) for name in columns])
        count += 1
    if target is None:
        sys.stdout.write(written.getvalue())
        return
    target.write_bytes(written.getvalue().encode("utf-8"))
    line(out, f"{count} rows in {target}")


def neutral(cell: object) -> object:
    """A cell as a spreadsheet may see it; `meant` gives back what it was."""
    return f"'{cell}" if isinstance(cell, str) and _is_odd(cell) else cell


def meant(cell: str) -> str:
    """A cell without the apostrophe that kept a spreadsheet from running it."""
    return cell[1:] if cell.startswith("'") and _is_odd(cell[1:]) else cell


def _is_odd(text: str) -> bool:
    """Whether a spreadsheet would run the text, or it looks like one that was kept from that."""
    return harmless(text) != text or (text.startswith("'") and _is_odd(text[1:]))


def _cases(home: Path, domain: str | None) -> Iterator[dict[str, object]]:
    for case in steward.cases(home, "domain = coalesce(?, domain)", domain):
        yield {
            "case_id": case.case_id,
            "domain": case.domain,
            "kind": case.kind,
            "left": steward.key_text(case.left),
            "right": steward.key_text(case.right),
            "attribute": case.attribute or "",
            "why": case.reason,
            "evidence": json.dumps(case.evidence, ensure_ascii=False),
            "score": case.score or "",
            "spend_amount": case.spend,
            "open_order_lines": case.open_orders,
        }


def _decisions(home: Path, domain: str | None) -> Iterator[dict[str, object]]:
    with Control.open_home(home) as control:
        made = control.decisions(domain)
    for one in made:
        said = ruling_of(one)
        expect = said.expect
        yield {
            "decision_id": one.id,
            "decided_ts": one.ts.isoformat(),
            "who": one.who,
            "domain": one.domain,
            "decision": one.kind,
            "left": steward.key_text(said.left),
            "right": steward.key_text(said.right),
            "attribute": said.attribute or "",
            "value": said.value or "",
            "case_id": said.case or "",
            "expect_record": "" if expect is None else f"{expect.source_system}:{expect.source_key}",
            "expect_value": "" if expect is None else expect.value or "",
            "reason": one.reason,
        }


# -- in again --------------------------------------------------------------------------------------------------


def run_import(
    network: str | None, home: Path | None, source: Path, who: str | None, dry_run: bool, out: Console, err: Console
) -> int:
    """Take the decisions of a file, or none and say of every wrong line what is wrong. Returns the exit code."""
    folder, decider = steward.home_of(home), steward.login(who)
    wanted: list[steward.Wanted] = []
    wrong = 0
    for number, row in _rows(source):
        try:
            found = _wanted(folder, row, decider)
        except ConcordError as error:
            wrong += 1
            err.print(f"{source}:{number}: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
            continue
        wanted += [] if found is None else [found]
    if wrong:
        err.print(f"{wrong} lines are wrong: no decision was taken", style="red", markup=False, soft_wrap=True)
        return 1
    steward.decide(network, home, _once(wanted), dry_run, out)
    return 0


def _once(wanted: list[steward.Wanted]) -> list[steward.Wanted]:
    """The same decision on two lines is one."""
    kept: dict[object, steward.Wanted] = {}
    for one in wanted:
        ruling = replace(one.ruling, at=wanted[0].ruling.at)
        kept.setdefault((one.domain, ruling), one)
    return list(kept.values())


def _rows(source: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Line on which a row begins, and its cells by column, as they were before they were made harmless."""
    try:
        text = source.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"cannot be read: {error}", location=str(source), hint="Give a CSV in UTF-8"
        ) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(source, header)
        begins = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(cells) != len(header):
                    raise ConfigurationError(
                        f"{len(cells)} cells under {len(header)} columns",
                        location=f"{source}:{begins}",
                        hint="Nothing was taken",
                    )
                yield begins, {name: meant(cell) for name, cell in zip(header, cells, strict=True)}
            begins = reader.line_num + 1
    except csv.Error as error:
        raise ConfigurationError(f"no CSV: {error}", location=f"{source}:{reader.line_num}") from error


def _check_header(source: Path, header: list[str]) -> None:
    unknown = [name for name in header if name not in _KNOWN]
    lacking = [name for name in ("decision", "reason") if name not in header]
    if unknown or lacking or len(set(header)) != len(header):
        said = f"unknown columns {', '.join(unknown)}" if unknown else f"the columns {', '.join(lacking) or 'repeat'}"
        raise ConfigurationError(
            said if unknown else f"{said} {'are missing' if lacking else ''}".strip(),
            location=f"{source}:1",
            hint=f"Columns: {', '.join(CASE_COLUMNS)}",
        )


def _wanted(home: Path, row: Mapping[str, str], who: str) -> steward.Wanted | None:
    """The decision of a row; None where nothing is filled in."""
    kind = row["decision"].strip().lower()
    if not kind or kind == "undo":
        return None
    blank = steward.blank(row.get("who", "").strip() or who, row["reason"])
    if kind in ("accept", "reject"):
        case = steward.find_case(home, row.get("case_id", ""))
        return steward.of_case(case, kind == "accept", blank.reason, blank.who)
    if kind == "acknowledge":
        return _acknowledged(row, blank)
    if kind == "override":
        return _override(home, row, blank)
    if kind not in _PAIRS:
        raise ConfigurationError(
            f"column decision: {kind!r} is none", hint=f"accept, reject, override, {', '.join(_PAIRS)}"
        )
    right = None if kind == "split" else row.get("right", "")
    if kind != "split" and not right:
        raise ConfigurationError(f"column right: {kind} needs a second record", hint="Write source:key")
    return steward.of_records(home, kind, row.get("domain", ""), row.get("left", ""), right, blank)


def _acknowledged(row: Mapping[str, str], blank: Ruling) -> steward.Wanted:
    ruling = replace(
        blank,
        kind="acknowledge",
        left=steward.parse_key(row.get("left", "")),
        case=row.get("case_id", ""),
        value=row.get("value", ""),
    )
    return steward.Wanted(row.get("domain", ""), ruling)


def _override(home: Path, row: Mapping[str, str], blank: Ruling) -> steward.Wanted:
    """An override; the guard of an exported decision is kept, a new one gets what is said now."""
    domain, record = row.get("domain", ""), row.get("left", "")
    wanted = steward.of_value(home, domain, record, row.get("attribute", ""), row.get("value", ""), None, blank)
    if not row.get("expect_record"):
        return wanted
    expect = Expected(*steward.parse_key(row["expect_record"]), row.get("expect_value") or None)
    return steward.Wanted(wanted.domain, replace(wanted.ruling, expect=expect))
