"""The sync session as a Dagster resource: one session per run, shared by its steps.

Here: configuration and lifetime. Not here: what a session does (`assets.session`).
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from pydantic import Field, PrivateAttr

from assets.report import SyncReport
from assets.session import Progress, SyncSession
from assets.settings import load_settings

#: Reports of the runs of this process, by run id; `concord sync` takes its own out when the run has ended.
REPORTS: dict[str, SyncReport] = {}
_LISTENERS: dict[str, Progress] = {}


def listen(run_id: str, progress: Progress) -> None:
    """Tell `progress` the steps of a run that is about to start in this process."""
    _LISTENERS[run_id] = progress


class SessionResource(dg.ConfigurableResource["SessionResource"]):
    """Opens a `SyncSession` when the first step of a run asks for it, closes it when the run ends.

    `cadence`: nightly or hourly. `feeds`: only these (`source` or `source.feed`); empty means all that are due.
    `pull`: false works with what landing holds (a rebuild).
    """

    network: str
    home: str
    cadence: str = "nightly"
    feeds: list[str] = Field(default_factory=list)
    pull: bool = True

    _session: SyncSession | None = PrivateAttr(default=None)

    def session(self, context: dg.AssetExecutionContext) -> SyncSession:
        """The run's session; all steps of an in-process run get the same one."""
        if self._session is None:
            self._session = SyncSession(
                load_settings(self.network, Path(self.home)),
                self.cadence,
                self.feeds or None,
                progress=_LISTENERS.pop(context.run.run_id, context.log.info),
                run_id=context.run.run_id,
                pulls=self.pull,
            )
            REPORTS[context.run.run_id] = self._session.report
            self._session.begin()
        return self._session

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Release the databases whatever happened."""
        if self._session is not None:
            self._session.close()
            self._session = None
