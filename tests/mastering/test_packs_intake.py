"""A view over pack strings in a working database that is closed and opened again."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from mastering.packs import register_functions
from store.working import Working


def test_a_view_over_pack_strings_is_read_again_after_the_database_was_closed(tmp_path: Path) -> None:
    path = tmp_path / "working.duckdb"
    with Working.open(path) as working:
        register_functions(working.con)
        working.con.execute("CREATE TABLE staged.pack AS SELECT 'G-1' AS item, '100/BX 10BX/CA' AS pack")
        working.con.execute(
            "CREATE VIEW intake.unit AS SELECT item, level.uom, level.factor"
            " FROM (SELECT item, unnest(pack_levels(pack, 'EA')) AS level FROM staged.pack)"
        )
    with Working.open(path) as working:
        register_functions(working.con)
        rows = working.con.execute("SELECT * FROM intake.unit ORDER BY factor").fetchall()
    assert rows == [("G-1", "BX", Decimal(100)), ("G-1", "CA", Decimal(1000))]
