"""The sync session as a Dagster resource: one session per run, shared by its steps.

Here: configuration and lifetime. Not here: what a session does (`assets.session`).
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr

from assets.session import SyncSession
from assets.settings import load_settings


class SessionResource(dg.ConfigurableResource["SessionResource"]):
    """Opens a `SyncSession` when the first step of a run asks for it, closes it when the run ends.

    `cadence`: nightly or hourly. `feeds`: only these (`source` or `source.feed`); empty means all that are due.
    """

    network: str
    home: str
    cadence: str = "nightly"
    feeds: list[str] = []

    _session: SyncSession | None = PrivateAttr(default=None)

    def session(self, context: dg.AssetExecutionContext) -> SyncSession:
        """The run's session; all steps of an in-process run get the same one."""
        if self._session is None:
            self._session = SyncSession(
                load_settings(self.network, Path(self.home)),
                self.cadence,
                self.feeds or None,
                progress=LISTENERS.get(context.run_id, context.log.info),
                run_id=context.run_id,
            )
            REPORTS[context.run_id] = self._session.report
        return self._session

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Release the databases whatever happened."""
        if self._session is not None:
            self._session.close()
            self._session = None
