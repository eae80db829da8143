"""The `concord` command with the two rules taken out of the extract that no contract can switch off.

Here: the extract as one would first write it, `update stamp > last watermark`: rows at the watermark itself and rows
without an update stamp are not asked for. Run as `python -m tests.end_to_end.naive_extract`, to show what that loses.
Not here: rules that a contract switches off (`lag_seconds`, `sweep`).
"""

from __future__ import annotations

import sqlalchemy as sa

from connectors import database
from connectors.database_table import Cursor, TablePlan
from pipelines.cli import main


def _changed_since(plan: TablePlan, cursor: Cursor, lo: str) -> sa.ColumnElement[bool]:
    column = cursor.columns[0]
    return column > sa.cast(sa.literal(lo, sa.String), column.type)


if __name__ == "__main__":
    database.changed_since = _changed_since  # type: ignore[attr-defined]
    main()
