"""Pairs of records that may be the same, with their scores: kept up to date as records come, change and go.

A pair's score is a pure function of the two records and of how many records share what they share, in steps. So
whatever the order in which records arrive, the pairs are the same. Here: candidates and scores. Not here: what a
score decides (`mastering.matching.judge`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mastering.matching.apart import apart
from mastering.matching.features import (
    MACROS,
    again_key,
    code_key,
    code_share,
    comparisons_sql,
    feature_names,
    involved_sql,
    keys_sql,
    lists_sql,
    text_key,
    word_key,
    words_sql,
)
from mastering.matching.words import STEPS, cosines, said, vectors
from mastering.rules import Compare, Matching
from mastering.sqlfile import Connection, arrow, keep, run, scalar

#: From where on two texts are so alike that the words say something in which they differ, and from where on all.
_UNLIKE, _ALIKE = 0.3, 0.8
_CONTAINED = 0.9
#: Affected records per pass: what bounds the memory of a first run.
_PASS = 100_000
_TABLES = "n_feature n_list n_key n_count n_affected n_live n_other n_involved n_pair n_due n_scored"


def prepare_pairs(con: Connection) -> None:
    """Create the tables of this package where they are missing, and the macros of this connection."""
    for macro in MACROS:
        run(con, f"matching.{macro}", {}, {})
    for name in ("record_table", "key_table", "count_table", "pair_table"):
        run(con, f"matching.{name}", {}, {})


def update_pairs(con: Connection, domain: str, matching: Matching, *, floor: float | None = None) -> int:
    """Bring master.match_* up to `n_new` (records that are new or changed) and `n_gone` (those taken out before).

    n_new: rec UBIGINT, source_system, source_key and the columns that `matching` reads. n_gone: rec; of a changed
    record, too. Pairs of less than `floor` points (default: `ask`) are not kept. Fills `n_touched` (rec) with everybody
    one of whose pairs may be another now. Returns how many records were compared.
    """
    values: dict[str, Any] = {"domain": domain, "max_holders": matching.max_holders}
    values["floor"] = matching.ask if floor is None else floor
    # Where even little likeness may decide (one-to-one), one common word is reason enough to compare.
    values["needed"] = 2 if floor is None else 1
    values |= dict(zip(("step_one", "step_two", "step_three"), STEPS, strict=True))
    run(con, "matching.features", feature_names(matching), values)
    run(con, "matching.lists", {"values": lists_sql(matching)}, values)
    run(con, "matching.key_of", {"keys": keys_sql(matching)}, values)
    run(con, "matching.count_changes", {}, values)
    for step in ("records", "keys", "counts"):
        run(con, f"matching.forget_{step}", {}, values)
        run(con, f"matching.note_{step}", {}, values)
    run(con, "matching.affected", {}, values)
    run(con, "matching.touched_before", {}, values)
    run(con, "matching.forget_pairs", {}, values)
    affected = int(scalar(con, "SELECT count(*) FROM n_affected"))
    if affected:
        _compare(con, matching, values, affected)
    run(con, "matching.touched_now", {}, values)
    for name in _TABLES.split():
        con.execute(f"DROP TABLE IF EXISTS {name}")
    return affected


def _compare(con: Connection, matching: Matching, values: dict[str, Any], affected: int) -> None:
    """Candidates and their scores, in parts that bound the memory; a small change is one part."""
    for step in ("live_keys", "other_keys"):
        run(con, f"matching.{step}", {}, values)
    parts = affected // _PASS + 1
    bound = [values | {"parts": parts, "part": part} for part in range(parts)]
    names = {
        "values": involved_sql(matching),
        "part_share": code_share("m.part", "c.holders"),
        "part_key": code_key("m.part"),
        "again_key": again_key("m.part", "m.source_system"),
        "comparisons": comparisons_sql(matching),
        "shared_key": code_key("p.shared.code"),
        "who": "SELECT rec FROM n_live UNION SELECT rec FROM n_other",
    }
    if parts == 1:
        run(con, "matching.candidates", {}, bound[0])
        names["who"] = "SELECT left_rec FROM n_pair UNION SELECT right_rec FROM n_pair"
    run(con, "matching.involved", names, values)
    places = [place for place, one in enumerate(matching.compare.values(), start=1) if one.kind == "words"]
    texts = {place: _texts(con, matching, place, values) for place in places}
    for part in bound:
        if parts > 1:
            run(con, "matching.candidates", {}, part)
        found = arrow(con, "matching.compared", names, part)
        keep(con, "n_scored", _scored(con, matching, found, texts, values["floor"]))
        run(con, "matching.keep_pairs", {}, part)


@dataclass(frozen=True, slots=True)
class _Texts:
    """The different texts of one comparison: unit vectors, how much each says, which name a family."""

    made: Any
    says: npt.NDArray[np.float64]
    common: npt.NDArray[np.bool_]


def _texts(con: Connection, matching: Matching, place: int, values: dict[str, Any]) -> _Texts:
    one = list(matching.compare.values())[place - 1]
    names = {"place": str(place), "text_no": f"t{place}", "words": words_sql(one, "text")}
    names["word_key"] = word_key(place, "h.word")
    found = arrow(con, "matching.text_words", names, values)
    count = int(scalar(con, f"SELECT coalesce(max(t{place}), -1) + 1 FROM n_involved"))
    text, word, holders = (_ints(found, name) for name in ("text_no", "word_no", "holders"))
    numbers, first = np.unique(word, return_index=True)
    words = found["word"].take(pa.array(first)).to_pylist()
    assert numbers.size == len(words)
    # Equal weights are those of equally rare words.
    counts = holders[first] if one.rarity else np.ones(len(words), dtype=np.int64)
    common = np.zeros(count, dtype=np.bool_)
    if one.common:
        names["text_key"] = text_key(place, words_sql(one, "t.text"))
        common[_ints(arrow(con, "matching.common_texts", names, values), "text_no")] = True
    return _Texts(vectors(count, text, word, words, counts), said(count, text, word, counts), common)


def _ints(table: pa.Table, name: str) -> npt.NDArray[np.int64]:
    return np.ascontiguousarray(table[name].to_numpy(), dtype=np.int64)


def _scored(con: Connection, matching: Matching, found: pa.Table, texts: dict[int, _Texts], floor: float) -> pa.Table:
    """left_rec, right_rec, score, vetoes and bits of the pairs that reach the floor."""
    names = list(matching.compare)
    places = list(enumerate(matching.compare.values(), start=1))
    alike = {place: _likeness(found, texts[place], place) for place in texts}
    bits = [_bits_of(found, texts, alike, place, one) for place, one in places]
    # Words are set against each other only where that may still decide something.
    more = {place: _if_contained(found, texts[place], alike[place], place, one) for place, one in places if one.apart}
    due = np.flatnonzero(np.round(np.sum([*bits, *more.values()], axis=0), 2) >= floor)
    bits, found = [part[due] for part in bits], found.take(pa.array(due))
    for place, gain in more.items():
        one = matching.compare[names[place - 1]]
        inside = [bits[at - 1] > 0 for at, _ in places if names[at - 1] in one.within]
        bits[place - 1] += _apart_bits(con, found, np.all(inside, axis=0), (alike[place][due], gain[due]), place, one)
    score = np.round(np.sum(bits, axis=0), 2)
    kept = np.flatnonzero(score >= floor)
    rows = pa.array(kept)
    parts = {name: pa.array(np.round(part[kept], 1)) for name, part in zip(matching.compare, bits, strict=True)}
    vetoes = _vetoes(matching, [part[kept] for part in bits])
    return pa.table(
        {
            "left_rec": found["left_rec"].take(rows),
            "right_rec": found["right_rec"].take(rows),
            "score": pa.array(score[kept], pa.float64()),
            "vetoes": pa.array(vetoes, pa.string()),
            "bits": pa.StructArray.from_arrays([pa.array(one) for one in parts.values()], names=list(parts)),
        }
    )


def _likeness(found: pa.Table, these: _Texts, place: int) -> npt.NDArray[np.float64]:
    left, right = _ints(found, f"l{place}"), _ints(found, f"r{place}")
    return np.asarray(cosines(these.made, left, right), dtype=np.float64)


def _apart_bits(
    con: Connection,
    found: pa.Table,
    inside: npt.NDArray[np.bool_],
    alike: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    place: int,
    one: Compare,
) -> npt.NDArray[np.float64]:
    """Bits of the words that only one of two texts has; the less alike the texts are anyway, the less they say.

    `inside`: where they count (one company; others may tell of the same thing in other words).
    """
    alone = np.flatnonzero(inside & ~found["part_agrees"].to_numpy(zero_copy_only=False))
    texts = np.stack([_ints(found, f"{side}{place}")[alone] for side in "lr"])
    couples, which = np.unique(np.sort(texts, axis=0), axis=1, return_inverse=True)
    keep(con, "n_due", pa.table({"text_no": np.unique(couples)}))
    told = arrow(con, "matching.tokens_of", {"place": str(place)}, {})
    words = dict(zip(told["text_no"].to_pylist(), told["words"].to_pylist(), strict=True))
    most = max(one.apart)
    # A text that is not there says nothing.
    worth = np.array([min(apart(words[a], words[b]), most) for a, b in couples.T.tolist()], dtype=np.int64)[
        which.ravel()
    ]
    likeness, gain = (part[alone] for part in alike)
    bits = np.zeros(found.num_rows)
    curve = np.array([one.apart[at] for at in range(most + 1)])
    said_apart = curve[worth] * np.clip((likeness - _UNLIKE) / (_ALIKE - _UNLIKE), 0, 1)
    bits[alone] = np.where(worth == 0, gain, said_apart)
    return bits


def _if_contained(
    found: pa.Table, these: _Texts, likeness: npt.NDArray[np.float64], place: int, one: Compare
) -> npt.NDArray[np.float64]:
    """Further bits where one text says nothing that the other does not: by how much of the shorter one is shared."""
    left, right = these.says[_ints(found, f"l{place}")], these.says[_ints(found, f"r{place}")]
    least = np.minimum(left, right)
    part = np.divide(np.maximum(left, right), least, out=np.ones_like(least), where=least > 0)
    shared = np.round(np.minimum(likeness * part, 1) * _CONTAINED, 4)
    alone = ~found["part_agrees"].to_numpy(zero_copy_only=False)
    more = np.maximum(_on_curve(one.bits, shared) - _on_curve(one.bits, likeness), 0) + one.apart[0]
    return np.where(alone & (least > 0), more, 0.0)


def _bits_of(
    found: pa.Table,
    texts: dict[int, _Texts],
    alike: dict[int, npt.NDArray[np.float64]],
    place: int,
    one: Compare,
) -> npt.NDArray[np.float64]:
    if place not in texts:
        return np.asarray(found[f"c{place}"].cast(pa.float64()).to_numpy(), dtype=np.float64)
    these, likeness = texts[place], alike[place]
    left, right = _ints(found, f"l{place}"), _ints(found, f"r{place}")
    worth = _on_curve(one.bits, likeness)
    # Where part numbers agree it does not matter how little the texts say.
    alone = ~found["part_agrees"].to_numpy(zero_copy_only=False)
    if one.shared:
        says: npt.NDArray[np.float64] = np.sqrt(likeness * these.says[left] * these.says[right]).round(2)
        worth += alone * _on_curve(one.shared, says)
    worth += alone * one.common * (these.common[left] | these.common[right])
    # A text that is not there says nothing.
    return np.where((these.says[left] > 0) & (these.says[right] > 0), worth, 0.0)


def _on_curve(curve: dict[float, float], at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    points = sorted(curve.items())
    found: npt.NDArray[np.float64] = np.interp(at, [p[0] for p in points], [p[1] for p in points])
    return found


def _vetoes(matching: Matching, bits: list[npt.NDArray[np.float64]]) -> list[str]:
    """The comparisons with a veto that differ, for each pair."""
    told: list[list[str]] = [[] for _ in range(bits[0].size)]
    for (name, one), part in zip(matching.compare.items(), bits, strict=True):
        if one.veto:
            for row in np.flatnonzero(part < 0):
                told[row].append(name)
    return ["+".join(reasons) for reasons in told]
