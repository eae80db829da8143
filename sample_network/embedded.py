"""The network that `concord sync` makes and syncs where none is named: which one it is, and its extracts.

Here: its size, and that it appears whole or not at all. Not here: making a network (`build`), its network file
(`networks/sample.yml`, which a test compares with what is made).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from sample_network.build import NETWORK_FILE, Built, build
from sample_network.model.plan import Plan

#: Small enough for a first sync of under a minute, and long enough for a corrected file, a recall and a changed pack.
PLAN = Plan(seed=7, facilities=3, days=14)


def make(target: Path) -> Built:
    """Writes the extracts and the truth to folder `target`, which appears when everything in it is there.

    What an earlier run that was stopped has left beside it is deleted. Raises FileExistsError where `target` is there.
    """
    if target.exists():
        raise FileExistsError(f"{target} is there already; delete it to make the sample network again")
    building = target.with_name(f"{target.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    built = build(building, PLAN)
    (building / NETWORK_FILE).unlink()  # networks/sample.yml is its network file
    building.rename(target)
    return built
