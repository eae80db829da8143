"""Cases and decisions as CSV, for bulk work in a spreadsheet: out, and back in again.

Here: the columns, neutral cells, errors with file, line and column. Not here: single decisions
(`pipelines.stewardship`).
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from assets.decided import ruling_of
from connectors.errors import ConcordError, ConfigurationError
from mastering.decisions import Expected, Ruling
from pipelines import stewardship as steward
from pipelines.quarantine import line
from store.query import harmless, held_open

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
#: Columns that are read again as text: a spreadsheet must not make a number or a day of what looks like one.
_TEXTS = frozenset({"case_id", "left", "right", "attribute", "value", "expect_record", "expect_value"})
#: A long number or one with zeros in front, a number with an exponent, a date.
_RESHAPED = re.compile(r"[+-]?(0\d+|\d{12,}|[\d.,]+[eE][+-]?\d+|\d+[.,]\d*0)|\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?( .*)?")
#: Of wrong lines so many are named.
WRONG_SHOWN = 20
#: How spreadsheets part the cells, in the order in which they are tried.
_DELIMITERS = ",;\t"


def run_export(home: Path | None, domain: str | None, decisions: bool, target: Path | None, out: Console) -> None:
    """Write the CSV."""
    folder = steward.home_of(home)
    if domain is not None:
        steward.domain_rules(domain)
    columns, rows = (
        (DECISION_COLUMNS, _decisions(folder, domain)) if decisions else (CASE_COLUMNS, _cases(folder, domain))
    )
    written = io.StringIO()
    # Carriage return and line feed, so that either within a cell puts the cell in quotes.
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow([neutral(row.get(name, ""), is_text=name in _TEXTS) for name in columns])
        count += 1
    if target is None:
        sys.stdout.write(written.getvalue())
        return
    try:
        target.write_bytes(written.getvalue().encode("utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"cannot be written: {error.strerror}", location=str(target), hint="Give a file in a folder that is there"
        ) from error
    line(out, f"{count} rows in {target}")


def neutral(cell: object, *, is_text: bool = False) -> object:
    """A cell as a spreadsheet may see it; `meant` gives back what it was. `is_text`: never a number or a day."""
    if not isinstance(cell, str):
        return cell
    return f"'{cell}" if _is_odd(cell) or (is_text and _is_reshaped(cell)) else cell


def meant(cell: str) -> str:
    """A cell without the apostrophe that kept a spreadsheet from running or reshaping it."""
    return cell[1:] if cell.startswith("'") and (_is_odd(cell[1:]) or _is_reshaped(cell[1:])) else cell


def _is_odd(text: str) -> bool:
    """Whether a spreadsheet would run the text, or it looks like one that was kept from that."""
    return harmless(text) != text or (text.startswith("'") and (_is_odd(text[1:]) or _is_reshaped(text[1:])))


def _is_reshaped(text: str) -> bool:
    """Whether a spreadsheet would show, and save, another text than this one."""
    return _RESHAPED.fullmatch(text.strip()) is not None


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
    with steward.control_of(home) as control:
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
    with held_open(folder):
        wanted, wrong = _read(folder, source, decider)
    for text in wrong[:WRONG_SHOWN]:
        err.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
    if wrong:
        err.print(f"lines that are wrong: {len(wrong)}; no decision was taken", style="red", markup=False)
        return 1
    if not wanted:
        line(out, "no line has a decision: nothing was taken")
        return 0
    with held_open(folder):
        steward.decide(network, home, wanted, dry_run, out)
    return 0


def _read(folder: Path, source: Path, decider: str) -> tuple[list[steward.Wanted], list[str]]:
    """The decisions of a file, and what is wrong with it, by line."""
    open_cases = {case.case_id: case for case in steward.cases(folder)}
    wanted: list[steward.Wanted] = []
    wrong: list[str] = []
    said: dict[object, tuple[int, object]] = {}
    for number, row in _rows(source):
        try:
            found = _wanted(folder, row, decider, open_cases)
            if found is not None:
                _agrees(said, number, found)
                wanted.append(found)
        except ConcordError as error:
            wrong.append(f"{source}:{number}: {error}")
    return wanted, wrong


def _agrees(said: dict[object, tuple[int, object]], number: int, wanted: steward.Wanted) -> None:
    """Raises ConfigurationError where an earlier line of the file says something else of the same records."""
    one = wanted.ruling
    if wanted.is_made or one.kind not in ("same", "different", "override"):
        return
    about = (wanted.domain, one.attribute, frozenset({one.left, one.right}))
    before, what = said.setdefault(about, (number, (one.kind, one.value)))
    if what != (one.kind, one.value):
        raise ConfigurationError(f"column decision: line {before} says otherwise", hint="Leave one of the two")


def _rows(source: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Line on which a row begins, and its cells by column, as they were before they were made harmless."""
    try:
        text = source.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"cannot be read: {error}", location=str(source), hint="Give a CSV in UTF-8 (spreadsheets: CSV UTF-8)"
        ) from error
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
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


def _delimiter(text: str) -> str:
    """What parts the cells of the first line. Where commas are decimal points, spreadsheets write semicolons."""
    first = text.splitlines()[0] if text.strip() else ""
    return next((one for one in _DELIMITERS if {name.strip() for name in first.split(one)} <= _KNOWN), ",")


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


def _wanted(
    home: Path, row: Mapping[str, str], who: str, open_cases: Mapping[str, steward.Case]
) -> steward.Wanted | None:
    """The decision of a row; None where nothing is filled in."""
    kind = row["decision"].strip().lower()
    if not kind or _is_exported_undo(kind, row):
        return None
    if kind == "undo":
        raise ConfigurationError("column decision: undo is not taken from a file", hint="`concord steward undo NUMBER`")
    with _column("reason"):
        blank = steward.blank(row.get("who", "").strip() or who, row["reason"])
    if kind not in ("accept", "reject", "acknowledge", "override", *_PAIRS):
        raise ConfigurationError(
            f"column decision: {kind!r} is none", hint=f"accept, reject, override, {', '.join(_PAIRS)}"
        )
    if kind not in ("acknowledge", "override") and row.get("value", "").strip():
        raise ConfigurationError(
            f"column value: {kind} takes none", hint="To put a value in place of others: decision override"
        )
    if kind in ("accept", "reject"):
        return _of_case(row, kind == "accept", blank, open_cases)
    with _column("domain"):
        steward.domain_rules(row.get("domain", ""))
    # What was decided elsewhere waits for its records, where they are not there yet.
    is_made = bool(row.get("decision_id", "").strip())
    if kind == "acknowledge":
        return _acknowledged(row, blank)
    if kind == "override":
        return _override(home, row, blank, is_made)
    return _pair(home, row, replace(blank, kind=kind), is_made)


def _is_exported_undo(kind: str, row: Mapping[str, str]) -> bool:
    """Whether a row is an undo as it was exported: it names no record, and what it took back is not in the file."""
    return kind == "undo" and bool(row.get("decision_id", "").strip()) and not row.get("left", "").strip()


@contextmanager
def _column(name: str) -> Iterator[None]:
    """Errors of what stands in one column name it."""
    try:
        yield
    except ConfigurationError as error:
        error.message = f"column {name}: {error.message}"
        raise


def _of_case(
    row: Mapping[str, str], accepted: bool, blank: Ruling, open_cases: Mapping[str, steward.Case]
) -> steward.Wanted:
    with _column("case_id"):
        case = steward.the_case(row.get("case_id", ""), open_cases)
    seen = row.get("why", "").strip()
    if case.right is None and seen and seen != case.reason.strip():
        # Who accepts it says that what he saw is right, and another value stands there by now.
        raise ConfigurationError(
            f"column why: the case has changed since it was exported: {case.reason}", hint="Export the cases again"
        )
    with _column("decision"):
        return steward.of_case(case, accepted, blank.reason, blank.who)


def _pair(home: Path, row: Mapping[str, str], blank: Ruling, is_made: bool) -> steward.Wanted:
    right = None if blank.kind == "split" else row.get("right", "")
    if blank.kind != "split" and not right:
        raise ConfigurationError(f"column right: {blank.kind} needs a second record", hint="Write source:key")
    domain, left = row.get("domain", ""), row.get("left", "")
    if not is_made:
        return steward.of_records(home, blank.kind, domain, left, right, blank)
    ends = steward.parse_key(left), steward.parse_key(right) if right else None
    return steward.Wanted(domain, replace(blank, left=ends[0], right=ends[1]), is_made=True)


def _acknowledged(row: Mapping[str, str], blank: Ruling) -> steward.Wanted:
    with _column("left"):
        left = steward.parse_key(row.get("left", ""))
    case, value = row.get("case_id", "").strip(), row.get("value", "")
    if not case or not value:
        raise ConfigurationError(
            "columns case_id, value: acknowledge needs the case and its reason, as exported", hint="Of a case: accept"
        )
    known = replace(blank, kind="acknowledge", left=left, case=case, value=value)
    return steward.Wanted(row.get("domain", ""), known, is_made=True)


def _override(home: Path, row: Mapping[str, str], blank: Ruling, is_made: bool) -> steward.Wanted:
    """An override; the guard of an exported decision is kept, a new one gets what is said now."""
    domain, record = row.get("domain", ""), row.get("left", "")
    attribute, value = row.get("attribute", ""), row.get("value", "")
    if not is_made:
        return steward.of_value(home, domain, record, attribute, value, row.get("expect_value") or None, blank)
    stated, told = steward.told_value(domain, attribute, value)
    guard = row.get("expect_record", "")
    expect = Expected(*steward.parse_key(guard), row.get("expect_value") or None) if guard else None
    made = replace(blank, kind="override", attribute=stated, value=told, expect=expect)
    return steward.Wanted(domain, replace(made, left=steward.parse_key(record)), is_made=True)
