"""Writes the extracts of the small sample network that `small.yml` describes.

Here: the entry point and the folder layout. Not here: what happened (`world`) or how a system writes it down.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

from tests.small_network.edi import write_edi
from tests.small_network.erp import write_erp
from tests.small_network.flat_files import write_inventory, write_procurement, write_warehouse
from tests.small_network.world import build_world


def generate(out: Path, seed: int = 7, facilities: int = 2, days: int = 5) -> None:
    """Writes the network to folder `out`, which appears when everything in it is there.

    The same arguments give the same rows in the same files. Layout: `legacy_erp.sqlite`, `<facility>_inventory/`,
    `procurement/`, `warehouse/`, `edi/`. Raises FileExistsError when `out` is there already (nothing is overwritten),
    ValueError for fewer than one or more than six facilities or no days.
    """
    if out.exists():
        raise FileExistsError(f"{out} is there already; delete it to generate the sample network again")
    if not 1 <= facilities <= 6 or days < 1:
        raise ValueError("the sample network has 1 to 6 facilities and at least one day")
    world = build_world(seed, facilities, days)
    building = out.with_name(f"{out.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    write_erp(building / "legacy_erp.sqlite", world)
    for nth, facility in enumerate(world.facilities):
        write_inventory(building / f"{facility.lower()}_inventory", world, facility, _rng(seed, nth))
    write_procurement(building / "procurement", world)
    write_warehouse(building / "warehouse", world, _rng(seed, -1))
    write_edi(building / "edi", world)
    building.rename(out)


def _rng(seed: int, nth: int) -> Random:
    """A stream of its own for each system: one more facility does not change the others."""
    return Random(seed * 1_000 + nth + 1)
