"""Chance is arithmetic: the same numbers everywhere, and they look drawn, for such keys as the network has."""

from __future__ import annotations

import hashlib
from itertools import combinations, pairwise

import duckdb
import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import chisquare

from sample_network.model.plan import MAX_DAYS, MAX_FACILITIES, Plan
from sample_network.model.world import open_world

Draws = npt.NDArray[np.uint64]
PRIME, SPREAD = 4294967291, 3266489917
FACTORS = (1597334677, 2109346117, 1812433253, 1103515249)
STREAMS = ("use", "order", "lot", "mess:late_commit", "mess:file_late")
#: Keys as the network has them: items of a hospital by day, hospitals with item and day in common, plain numbers.
KEYS = {
    "items x days": "SELECT (3 * 1200 + i) * 1000 + d FROM range(1200) AS a (i), range(170) AS b (d) ORDER BY 1",
    "hospitals": "SELECT (f * 1200 + i) * 1000 + 17 FROM range(900) AS a (f), range(220) AS b (i) ORDER BY 1",
    "numbers": "SELECT i FROM range(200000) AS a (i) ORDER BY 1",
    "far apart": "SELECT i * 4096 FROM range(200000) AS a (i) ORDER BY 1",
}


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    return open_world(Plan(seed=7, facilities=1, days=1))


def draws(con: duckdb.DuckDBPyConnection, stream: str, keys: str) -> Draws:
    return np.asarray(con.sql(f"SELECT dice('{stream}', k) AS h FROM ({keys}) AS t (k)").fetchnumpy()["h"], np.uint64)


def cut(h: Draws, shift: int, n: int) -> npt.NDArray[np.int64]:
    """What `bits` cuts out of draws."""
    return ((h >> np.uint64(shift)) % np.uint64(n)).astype(np.int64)


def even(counts: npt.NDArray[np.int64]) -> bool:
    """Whether counts that should be equal are: true chance looks worse once in a hundred million times."""
    return float(chisquare(counts).pvalue) > 1e-8


def test_draws_are_what_whole_numbers_say(con: duckdb.DuckDBPyConnection) -> None:
    """The macro against Python's unbounded whole numbers, at the ends of the keys too: nothing overflows."""
    high, low = (int.from_bytes(hashlib.md5(b"7|use").digest()[at : at + 8], "little") for at in (0, 8))
    flips = (low & 0xFFFFFFFF, low >> 32, high & 0xFFFFFFFF, high >> 32)
    for key in (0, 1, 2, 999_999_999, PRIME - 1, PRIME, 2**32 - 1):
        x = key
        for factor, flip in zip(FACTORS, flips, strict=True):
            x = (x * factor % PRIME) ^ flip
        assert con.sql(f"SELECT dice('use', {key})").fetchall() == [(x * SPREAD,)]
    assert (2**32 - 1) * max(*FACTORS, SPREAD) < 2**64


def test_the_largest_network_has_keys_of_its_own(con: duckdb.DuckDBPyConnection) -> None:
    most = con.sql(
        f"SELECT item_day_key({MAX_FACILITIES}, 1199, {MAX_DAYS}), order_key({MAX_FACILITIES}, {MAX_DAYS}, 60) * 4 + 3"
    )
    assert all(key < 2**31 for key in most.fetchall()[0])


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("stream", STREAMS)
def test_draws_are_uniform_and_tell_nothing_of_the_next(con: duckdb.DuckDBPyConnection, stream: str, name: str) -> None:
    h = draws(con, stream, KEYS[name])
    for shift in (0, 8, 16, 24, 30, 36, 44):
        for n in (2, 7, 12, 100, 1000):
            assert even(np.bincount(cut(h, shift, n), minlength=n)), (shift, n)
        b = cut(h, shift, 16)
        for lag in (1, 2, 7, 170, 220):
            assert even(np.bincount(b[:-lag] * 16 + b[lag:], minlength=256)), (shift, lag)
    for one, other in pairwise((0, 8, 16, 24, 32, 40, 48)):
        assert even(np.bincount(cut(h, one, 16) * 16 + cut(h, other, 16), minlength=256)), (one, other)


@pytest.mark.parametrize("name", KEYS)
def test_streams_seeds_and_parts_are_apart(con: duckdb.DuckDBPyConnection, name: str) -> None:
    drawn = {stream: draws(con, stream, KEYS[name]) for stream in STREAMS}
    for part in (1, 2, 1000):
        drawn[f"part {part}"] = draws(con, "use", f"SELECT part_key(k, {part}) FROM ({KEYS[name]}) AS t (k)")
    other = open_world(Plan(seed=8, facilities=1, days=1))
    drawn["seed 8"] = draws(other, "use", KEYS[name])
    for a, b in combinations(drawn, 2):
        counts = np.bincount(cut(drawn[a], 0, 16) * 16 + cut(drawn[b], 0, 16), minlength=256)
        assert even(counts), (a, b)


def test_one_bit_of_the_key_turns_half_of_the_draw(con: duckdb.DuckDBPyConnection) -> None:
    keys = np.random.default_rng(1).integers(0, 2**31, 50_000)
    con.register("some_key", {"k": keys})
    flips = np.array(
        [
            draws(con, "use", "SELECT k FROM some_key") ^ draws(con, "use", f"SELECT xor(k, {1 << bit}) FROM some_key")
            for bit in range(31)
        ]
    )
    for out in range(60):
        share = ((flips >> np.uint64(out)) & np.uint64(1)).mean(axis=1)
        assert abs(share - 0.5).max() < 5 * 0.5 / len(keys) ** 0.5


@pytest.mark.parametrize("ppm", [500, 5_000, 20_000, 350_000])
@pytest.mark.parametrize("name", KEYS)
def test_rare_things_are_as_rare_as_said(con: duckdb.DuckDBPyConnection, name: str, ppm: int) -> None:
    h = draws(con, "mess:any", KEYS[name])
    expected = len(h) * ppm / 1_000_000
    assert abs(int((cut(h, 0, 1_000_000) < ppm).sum()) - expected) < 4.5 * expected**0.5
