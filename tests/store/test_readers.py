"""Readers in other processes never fail and never see a mixture, while versions are published and removed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from store import versions as v
from tests.store.publish_world import World

ROOT = Path(__file__).resolve().parents[2]
PUBLISHES = 20
#: On a busy machine the readers get their turn late: go on until each has seen several versions, within reason.
MOST_PUBLISHES = 400

# Both tables carry the marker that was written last; a reader that sees two different ones has seen a mixture.
MARKERS = """
    SELECT (SELECT max(description) FROM conformed.dim_item WHERE item_sk = 1),
           (SELECT max(channel) FROM conformed.fact_po_line),
           (SELECT count(DISTINCT channel) FROM conformed.fact_po_line),
           (SELECT max(version) FROM ops.publication)
"""
READER = """
import json, sys, time
from pathlib import Path
import duckdb
from store.query import open_published
how, home, stop = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
pointer = str(home / "published" / "reporting.duckdb")
config = {"autoload_known_extensions": "false"}
seen, held, reads = [], [], 0
print("ready", flush=True)
last = False
while not last:
    last = stop.exists()
    if how == "pointer":
        con = duckdb.connect(pointer, read_only=True, config=config)
    else:
        con = open_published(home)
    row = con.execute(sys.argv[4]).fetchall()[0]
    reads += 1
    if not seen or seen[-1] != row:
        seen.append(row)
        stop.with_name(how + ".seen").write_text(str(len(seen)))
    if how == "holding":
        held.append((con, row))
        for old, first in held:
            assert old.execute(sys.argv[4]).fetchall()[0] == first, "a held version changed"
        if len(held) > 4:
            held.pop(0)[0].close()
    else:
        con.close()
print(json.dumps({"reads": reads, "seen": seen}))
"""


def start(how: str, home: Path, stop: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", READER, how, str(home), str(stop), MARKERS],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def has_seen(how: str, stop: Path) -> bool:
    """Whether a reader has seen more than three versions."""
    path = stop.with_name(f"{how}.seen")
    return path.exists() and int(path.read_text() or 0) > 3


def test_readers_never_fail_and_never_see_mixed_versions(tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    with World(tmp_path) as world:
        world.item(1, "m000", "A")
        for number in range(50):
            world.line(f"p{number:02d}", channel="m000")
        world.publish()
        readers = {how: start(how, tmp_path, stop) for how in ("pointer", "checked", "holding")}
        for reader in readers.values():
            assert reader.stdout is not None
            assert reader.stdout.readline() == "ready\n"
        number = 0
        while number < PUBLISHES or (number < MOST_PUBLISHES and not all(has_seen(how, stop) for how in readers)):
            number += 1
            marker = f"m{number:03d}"
            world.change("master.golden_item", "item_sk = 1", description=marker)
            world.change("intake.po_line", "TRUE", channel=marker)
            publication, _ = world.publish(keep=3)
            assert publication is not None
        stop.touch()
        results = {how: reader.communicate(timeout=120) for how, reader in readers.items()}
    for how, (out, err) in results.items():
        assert readers[how].returncode == 0, err
        report = json.loads(out)
        for item, fact, markers, version in report["seen"]:
            assert item == fact, f"{how} saw {item} beside {fact}"
            assert markers == 1
            assert item == f"m{version - 1:03d}"
        versions = [version for *_, version in report["seen"]]
        assert versions == sorted(versions), f"{how} went back in time"
        assert len(versions) > 3, f"{how} saw only versions {versions}: it did not read during the publishes"
        assert versions[-1] == number + 1
    assert len(v.versions(tmp_path)) == 3
