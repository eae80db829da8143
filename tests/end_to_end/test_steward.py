"""A steward at work on a synced home: sees a case, looks ahead, decides, is killed, takes it back."""

from __future__ import annotations

import csv
import io
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

from pipelines.cli import main
from tests.end_to_end.harness import ROOT, Home, copy_of


@pytest.fixture(scope="module")
def home(whole_synced: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The sample network with an item in the warehouse that has an item's number and a GTIN of its own."""
    home = copy_of(whole_synced, tmp_path_factory.mktemp("steward") / "home")
    home.env = {"CONCORD_WHO": "kim"}
    return home


def cases(home: Home) -> list[str]:
    """Ids of the open cases of the odd item."""
    found = home.query("SELECT case_id FROM ops.review WHERE kind = 'vetoed_match' AND 'ODD' IN (left_key, right_key)")
    return [str(row[0]) for row in found]


@pytest.mark.slow
def test_a_case_is_looked_at_decided_and_taken_back(home: Home, tmp_path: Path) -> None:
    [case] = cases(home)
    before, ids = home.content_hash, home.query("SELECT * FROM conformed.bridge_item_xref ORDER BY ALL")
    assert case in home.run("steward", "list").stdout
    assert "gtin" in home.run("steward", "show", case).stdout
    ahead = home.run("steward", "accept", case, "--reason", "same", "--dry-run").stdout
    assert "item: 1 merged, 0 split" in ahead
    assert "0 decisions in force" in home.run("steward", "list", "--decisions").stdout

    sheet = tmp_path / "cases.csv"
    home.run("steward", "export", "--out", str(sheet))
    fill_in(sheet, case, "perhaps")
    refused = home.run("steward", "import", str(sheet), check=1).stderr
    assert f"{sheet}:2: column decision: 'perhaps' is none" in refused
    assert "no decision was taken" in refused
    fill_in(sheet, case, "reject")
    assert "item different" in home.run("steward", "import", str(sheet)).stdout
    assert "already decided" in home.run("steward", "import", str(sheet)).stdout
    vendor = ("override", "supplier", "legacy_erp:V1001", "legal_name", "=Acme, Inc.", "--reason", "letterhead")
    assert "decision 2" in home.run("steward", *vendor).stdout

    home.sync(check=-9, CONCORD_CRASH_AT="working.before_commit")
    assert home.content_hash == before
    # From nothing but landing and the control database; taking the decisions back goes the way of a change.
    again = home.run("rebuild").stdout
    assert "published version 2" in again
    assert "warning: master_finding: expected_empty" in again
    assert cases(home) == []
    why = home.run("explain", "dim_supplier", "legacy_erp:V1001", "legal_name").stdout
    assert "legal_name = =Acme, Inc." in why
    assert "override by kim (decision 2): letterhead" in why
    assert home.query("SELECT who, kind FROM ops.decision ORDER BY decision_id") == [
        ("kim", "different"),
        ("kim", "override"),
    ]
    assert '"\'=Acme, Inc."' in home.run("steward", "export", "--decisions").stdout

    for number in ("1", "2"):
        home.run("steward", "undo", number, "--reason", "training")
    assert "is not in force" in home.run("steward", "undo", "1", "--reason", "again", check=1).stderr
    home.sync()
    assert home.content_hash == before
    assert home.query("SELECT * FROM conformed.bridge_item_xref ORDER BY ALL") == ids


@pytest.mark.slow
def test_who_kept_an_id_finds_what_it_means_now(home: Home) -> None:
    [case] = cases(home)
    before, mine = home.content_hash, "SELECT item_sk FROM conformed.bridge_item_xref WHERE source_key = 'ODD'"
    kept = home.one(mine)
    home.run("steward", "accept", case, "--reason", "seen on the shelf")
    [number] = home.run("steward", "list", "--decisions").stdout.split()[:1]
    home.sync()
    assert home.query("SELECT domain, sk, means_sk, seed_key FROM ops.golden_redirect") == [
        ("item", kept, home.one(mine), "ODD")
    ]
    assert home.one(mine) != kept
    home.run("steward", "undo", number, "--reason", "training")
    home.sync()
    assert home.query("SELECT * FROM ops.golden_redirect") == []
    assert (home.one(mine), home.content_hash) == (kept, before)


@pytest.mark.slow
def test_an_override_of_an_override_is_guarded_by_what_the_source_says(home: Home, tmp_path: Path) -> None:
    copy = Home(tmp_path / "copy", env=home.env)
    shutil.copytree(home.path, copy.path, symlinks=True)
    name = ("override", "supplier", "legacy_erp:V1001", "legal_name")
    stated = copy.one("SELECT legal_name FROM conformed.dim_supplier WHERE _source_key = 'V1001' AND _is_current")
    for value in ("Acme", "Acme Inc"):
        copy.run("steward", *name, value, "--reason", "letterhead")
    copy.sync()
    assert f"is 'Acme Inc' and not '{stated}'" in ended(copy, *name, "X", "--expect", str(stated), "--reason", "r")
    sheet = tmp_path / "wanted.csv"
    head = "domain,left,attribute,decision,value,expect_value,reason\n"
    sheet.write_text(f"{head}supplier,legacy_erp:V1001,legal_name,override,Acme LLC,Acme,letterhead\n")
    assert "is 'Acme Inc' and not 'Acme'" in copy.run("steward", "import", str(sheet), check=1).stderr
    sheet.write_text(f"{head}supplier,legacy_erp:V1001,legal_name,override,Acme LLC,Acme Inc,letterhead\n")
    copy.run("steward", "import", str(sheet))
    copy.sync()
    assert copy.query("SELECT detail FROM ops.master_finding WHERE kind = 'correction_obsolete'") == []
    assert "Acme LLC" in copy.run("explain", "dim_supplier", "legacy_erp:V1001", "legal_name").stdout


def fill_in(path: Path, case: str, decision: str) -> None:
    """The steward's work in the spreadsheet."""
    rows = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
    for row in rows:
        if row["case_id"] == case:
            row |= {"decision": decision, "reason": "two sizes"}
    rows.sort(key=lambda row: row["case_id"] != case)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def test_changed_rules_show_what_they_would_do(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(ROOT / "mastering" / "domains", folder)
    assert "item: nothing changes" in home.run("master", "diff", str(folder)).stdout
    item = folder / "item.yml"
    item.write_text(item.read_text().replace("GTIN of the base unit, veto: true", "GTIN of the base unit, veto: false"))
    before = home.content_hash
    shown = home.run("master", "diff", str(folder)).stdout
    assert "item: 1 merged, 0 split" in shown
    assert "become" in shown
    assert home.content_hash == before
    assert "nothing to do" in home.sync().stdout


def test_mistakes_are_one_clear_line(home: Home) -> None:
    for words, said in (
        (("accept", "000000000000", "--reason", "x"), "there is no open case '000000000000'"),
        (("split", "item", "legacy_erp:none", "--reason", "x"), "there is no item legacy_erp:none"),
        (("split", "colour", "legacy_erp:1", "--reason", "x"), "there is no domain 'colour'"),
        (("split", "item", "1", "--reason", "x"), "'1' is no record"),
        (("undo", "77", "--reason", "x"), "decision 77 does not exist. `concord steward list --decisions`"),
        (("list", "--domain", "itm"), "there is no domain 'itm'"),
        (("list", "--kind", "asks"), "there is no kind 'asks'"),
        (("verify", "--home", "/nowhere/else"), "nothing was synced or decided here yet"),
        (("list", "--decisions", "--home", "/nowhere/else"), "nothing was synced or decided here yet"),
        (("rekey", "supplier", "legacy_erp:none", "legacy_erp:V1001", "--reason", "x"), "there never was a supplier"),
        (
            ("override", "supplier", "legacy_erp:V1001", "parent_supplier_key", "none", "--reason", "x"),
            "there is no supplier legacy_erp:none",
        ),
        (
            ("override", "supplier", "legacy_erp:V1001", "edi_party", "1|2", "--reason", "x"),
            "What can be: supplier_no, legal_name",
        ),
        (("override", "supplier", "legacy_erp:V1001", "onboarded_date", "soon", "--reason", "x"), "not exactly a DATE"),
        (
            ("override", "supplier", "legacy_erp:V1001", "legal_name", "B", "--expect", "C", "--reason", "x"),
            "and not 'C'",
        ),
    ):
        assert said in ended(home, *words), words


def ended(home: Home, *words: str) -> str:
    """What `concord steward WORDS` says on stderr where it ends with 1. In this process: it is about the words only."""
    told = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONCORD_HOME", str(home.path))
        patch.setenv("CONCORD_WHO", "kim")
        patch.setattr(sys, "argv", ["concord", "steward", *words])
        patch.setattr(sys, "stderr", told)
        with pytest.raises(SystemExit) as end:
            main()
    assert end.value.code == 1
    return told.getvalue()


@pytest.mark.slow
def test_an_edited_decision_is_found_and_nothing_is_published_under_it(home: Home, tmp_path: Path) -> None:
    copy = Home(tmp_path / "copy", env=home.env)
    shutil.copytree(home.path, copy.path, symlinks=True)
    copy.run("steward", "verify")
    before = copy.content_hash
    copy.run("steward", "override", "supplier", "legacy_erp:V1001", "legal_name", "B", "--reason", "letterhead")
    with sqlite3.connect(copy.path / "control.sqlite") as con:
        con.execute("DROP TRIGGER decision_no_update")
        con.execute("UPDATE decision SET payload = replace(payload, '\"B\"', '\"C\"')")
    for words in (
        ("steward", "verify"),
        ("steward", "override", "supplier", "legacy_erp:V1001", "status", "active", "--reason", "x"),
        ("sync",),
    ):
        done = copy.run(*words, check=1)
        assert "was edited, removed or put in" in done.stderr + done.stdout, words
    assert copy.content_hash == before
