"""Alerts: one per problem while it lasts, sent at least once to a real HTTP server, never in a sync's way."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, cast

import pytest

from assets.alerts import notify
from assets.freshness import Stale
from assets.report import FeedReport, SyncReport
from connectors.errors import ConfigurationError
from store.control import Control
from store.outbox import send_alerts

OWNERS = {"erp.item": "erp team", "erp.po": "erp team", "north.stock": "stock team"}


class Pager(HTTPServer):
    """A webhook: keeps what it was sent, answers as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[int] = []

    @property
    def url(self) -> str:
        """Where it listens; the path is a token, as such services have it."""
        return f"http://127.0.0.1:{self.server_port}/hook/token-canary"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        pager = cast(Pager, self.server)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        pager.got.append((str(self.headers["Idempotency-Key"]), body))
        self.send_response(pager.answers.pop(0) if pager.answers else 204)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def pager() -> Iterator[Pager]:
    server = Pager()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control.open_home(tmp_path) as opened:
        yield opened


def report(**wrong: str) -> SyncReport:
    """A sync that pulled all feeds; `wrong`: feed (with _ for .) -> why it could not be read."""
    errors = {feed.replace("_", "."): why for feed, why in wrong.items()}
    feeds = {feed: FeedReport(feed, error=errors.get(feed)) for feed in OWNERS}
    return SyncReport("run", "small", "nightly", feeds=feeds, pulled=list(OWNERS), version=1)


def fingerprints(control: Control) -> list[str]:
    return [str(alert["fingerprint"]) for alert in control.open_alerts()]


def test_one_source_that_is_down_is_one_alert_until_it_is_back(control: Control) -> None:
    for _ in range(3):
        notify(control, None, report(erp_item="connection refused", erp_po="connection refused"), OWNERS)
    (alert,) = control.open_alerts()
    assert alert["subject"] == "erp.item cannot be read (and 1 more feeds of erp): connection refused"
    assert (alert["owner"], alert["occurrences"]) == ("erp team", 3)
    elsewhere = report()
    elsewhere.pulled = ["north.stock"]
    notify(control, None, elsewhere, OWNERS)
    assert fingerprints(control) == ["unreadable|erp"], "a sync that did not look at it says nothing of it"
    notify(control, None, report(), OWNERS)
    assert control.open_alerts() == []
    assert [alert["resolved_ts"] is not None for alert in control.alerts()] == [True]


def test_late_feeds_a_refused_candidate_and_a_failed_run_are_alerts_of_their_own(control: Control) -> None:
    bad = report()
    bad.stale = [Stale("north.stock", "stock team", "nothing was delivered yet", "at most 30 h old")]
    bad.outcome, bad.failed_errors = "gate_refused", ["dim_item: key_unique: 2 rows"]
    notify(control, None, bad, OWNERS)
    assert fingerprints(control) == ["stale|north", "gate|small"]
    failed = report()
    failed.outcome, failed.error = "failed", "disk full"
    notify(control, None, failed, OWNERS)
    assert fingerprints(control) == ["gate|small", "failed|small"], "it did not come as far as the gate"
    notify(control, None, report(), OWNERS)
    assert fingerprints(control) == []


def test_an_alert_is_sent_once_it_was_taken_and_again_until_then(
    control: Control, pager: Pager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONCORD_ALERT_URL", pager.url)
    pager.answers = [503, 302]
    down = report(erp_item="no route", north_stock="no route")
    assert notify(control, None, down, OWNERS) == ["2 alerts wait for the next sync: the webhook answered 503"]
    assert notify(control, None, down, OWNERS) == ["2 alerts wait for the next sync: the webhook answered 302"]
    assert notify(control, None, down, OWNERS) == []
    assert notify(control, None, down, OWNERS) == []
    keys = [key for key, _ in pager.got]
    assert len(keys) == 4, "refused twice, then one request per alert, then none"
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert [body["problem"] for _, body in pager.got[2:]] == ["unreadable|erp", "unreadable|north"]
    assert pager.got[3][1]["owner"] == "stock team"
    notify(control, None, report(), OWNERS)
    notify(control, None, down, OWNERS)
    assert pager.got[4][1]["problem"] == "unreadable|erp"
    assert pager.got[4][0] != keys[0], "the same problem again is another alert"


def test_what_is_sent_holds_no_secret_and_the_url_is_never_said(
    control: Control, pager: Pager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONCORD_ALERT_URL", pager.url)
    why = "cannot open postgresql+psycopg://reader:hunter2-canary@db.example/erp"
    assert notify(control, None, report(erp_item=why), OWNERS) == []
    (_, body) = pager.got[0]
    assert "hunter2-canary" not in json.dumps(body)
    assert "postgresql+psycopg://***@db.example/erp" in body["subject"]
    pager.server_close()
    (said,) = notify(control, None, report(north_stock="down"), OWNERS)
    assert said.startswith("1 alerts wait for the next sync: the webhook cannot be reached")
    assert "token-canary" not in said


def test_a_url_that_is_none_is_said_and_fails_nothing(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCORD_ALERT_URL", "file:///etc/passwd")
    (said,) = notify(control, None, report(erp_item="x"), OWNERS)
    assert "no http or https URL" in said
    with pytest.raises(ConfigurationError):
        send_alerts(control, "ftp://x/y")
