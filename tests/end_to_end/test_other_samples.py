"""Networks that nothing was tuned on: other seeds, other sizes. What holds for the default network must hold for them.

The default one has floors of its own (`test_default_sample.py`); these are the bars that every network is held to.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sample_network.build import NETWORK_FILE, build
from sample_network.model.plan import Plan
from sample_network.score import score
from sample_network.truth.store import FILE
from tests.end_to_end.harness import Home

#: (hospitals, days, seed)
NETWORKS = [
    pytest.param((2, 10, 11), marks=pytest.mark.slow),
    pytest.param((5, 20, 13), marks=[pytest.mark.heavy, pytest.mark.timeout(1200)]),
    pytest.param((10, 20, 14), marks=[pytest.mark.heavy, pytest.mark.timeout(1800)]),
    # More systems than a number was once allowed to be on.
    pytest.param((80, 2, 21), marks=[pytest.mark.heavy, pytest.mark.timeout(1800)]),
]
#: A wrong merge of two devices is the worst fault there is; a join that is missed is asked about.
LEAST = {
    "identity.item.precision": 0.999,
    "identity.item.f1": 0.97,
    "identity.supplier.precision": 1.0,
    "identity.supplier.f1": 0.98,
    "identity.location.f1": 0.99,
    "identity.gl_account.f1": 0.99,
    "identity.cost_centre.f1": 0.99,
    "identity.contract.f1": 0.99,
    "attribute.all.share_right": 0.99,
    "defect.quarantined.share_caught": 1.0,
}
#: Of the rows of a fact table so many are right: the others are of an item that is in doubt.
RIGHT = 0.99


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda size: "x".join(map(str, size)))
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A network of that size and seed after its first sync."""
    facilities, days, seed = request.param
    made = tmp_path_factory.mktemp("made")
    build(made, Plan(facilities=facilities, days=days, seed=seed))
    home = Home(tmp_path_factory.mktemp("home"), network=str(made / NETWORK_FILE))
    home.sync()
    return home


@pytest.fixture(scope="module")
def figures(home: Home) -> dict[str, float | None]:
    truth = Path(home.network).parent / FILE
    return {one.key: one.value for one in score(home.path / "published" / "reporting.duckdb", truth)}


def test_identity_attributes_and_refusals_reach_their_bars(figures: dict[str, float | None]) -> None:
    missed = {key: figures[key] for key, least in LEAST.items() if (figures[key] or 0) < least}
    assert missed == {}


def test_no_fact_is_lost_counts_twice_or_has_a_wrong_number(figures: dict[str, float | None]) -> None:
    faults = ("lost", "extra", "duplicated", "wrong_qty", "wrong_amount")
    found = {key: value for key, value in figures.items() if key.startswith("fact.") and key.endswith(faults)}
    assert len(found) == 7 * len(faults)
    assert {key: value for key, value in found.items() if value} == {}
    assert {k: v for k, v in figures.items() if k.startswith("fact.") and k.endswith("share_right") and v < RIGHT} == {}


def test_nothing_is_refused_without_a_reason(figures: dict[str, float | None]) -> None:
    assert figures["defect.all.false_alarms"] == 0


def test_people_are_asked_about_two_of_a_hundred_records_at_most(home: Home) -> None:
    records = home.one(
        "SELECT sum(n) FROM (SELECT count(*) AS n FROM conformed.bridge_item_xref WHERE _is_current UNION ALL"
        " SELECT count(*) FROM conformed.bridge_supplier_xref WHERE _is_current UNION ALL"
        " SELECT count(*) FROM conformed.bridge_location_xref WHERE _is_current)"
    )
    cases = home.one("SELECT count(*) FROM ops.review")
    assert isinstance(records, int)
    assert isinstance(cases, int)
    assert cases <= records * 0.02
