"""The Tryton contracts through the real database connector: SQLite and PostgreSQL give the same rows, no reject."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connectors.contract import FeedContract
from connectors.database import DatabaseConnector
from connectors.interface import ROW_NO, Delivery, FeedState, Pulled
from connectors.network import Source
from tests.feeds import packs

pytestmark = pytest.mark.real_data
CONTRACTS = packs.pack_contracts("tryton")
#: Written differently by the two engines on purpose: a JSON list, an interval.
AS_WRITTEN = {("product_template", "lot_required"), ("purchase_product_supplier", "lead_time")}


def _pull(feed: FeedContract, url: str, folder: Path) -> tuple[Pulled, pa.Table]:
    connector = DatabaseConnector(feed, "erp", Source(system="tryton", url=url))
    (offer,) = connector.discover(FeedState(), sweep=False)
    target = folder / f"{feed.feed}.parquet"
    pulled = connector.pull(offer, FeedState(), target)
    assert pulled is not None
    now = datetime.now(UTC)
    delivery = Delivery("d", "erp", feed.feed, offer.name, target, "0", 1, pulled.kind, now, now, pulled.rows_declared)
    batches = list(connector.read(delivery))
    assert [reject for batch in batches for reject in batch.rejects] == []
    return pulled, pa.Table.from_batches([batch.rows for batch in batches])


def _by_key(table: pa.Table) -> dict[Any, dict[str, Any]]:
    return {row["id"]: row for row in table.drop_columns([ROW_NO]).to_pylist()}


@pytest.mark.postgres
def test_both_engines_give_the_same_typed_rows(real_data: Path, tryton_pg: str, tmp_path: Path) -> None:
    sqlite = f"sqlite:///{real_data / 'tryton_erp' / 'erp.sqlite'}"
    for feed in CONTRACTS.values():
        (tmp_path / feed.feed).mkdir()
        here, rows = _pull(feed, sqlite, tmp_path)
        there, same = _pull(feed, tryton_pg, tmp_path / feed.feed)
        assert [n for n in (*here.notices, *there.notices) if "neither mapped nor ignored" in n] == []
        assert here.rows_declared == there.rows_declared == rows.num_rows > 0
        assert rows.schema == same.schema
        skipped = [c for f, c in AS_WRITTEN if f == feed.feed]
        assert _by_key(rows.drop_columns(skipped)) == _by_key(same.drop_columns(skipped)), feed.feed
