"""Matching what identifiers do not settle: which pairs are found, what they score, what the scores decide."""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastering.clusters import Facts
from mastering.matching.batch import Matched, match
from mastering.matching.judge import Guards, Pairs, judge
from mastering.matching.words import cosines, said, step_of, vectors
from mastering.rules import DomainRules
from tests.mastering.world import DOMAINS, gtin

ITEM, SUPPLIER, LOCATION = (DOMAINS[name] for name in ("item", "supplier", "location"))


def records(*rows: Mapping[str, str | None]) -> pa.Table:
    """Rows with `at` = source/key; what a row does not name is NULL."""
    names = sorted({name for row in rows for name in row} - {"at"})
    columns: dict[str, list[str | None]] = {"source_system": [], "source_key": []} | {name: [] for name in names}
    for row in rows:
        source, key = str(row["at"]).split("/")
        columns["source_system"].append(source)
        columns["source_key"].append(key)
        for name in names:
            columns[name].append(row.get(name))
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def groups(done: Matched) -> set[frozenset[str]]:
    found: dict[int, set[str]] = {}
    for row in done.clusters.to_pylist():
        found.setdefault(row["cluster"], set()).add(f"{row['source_system']}/{row['source_key']}")
    return {frozenset(members) for members in found.values()}


def verdicts(done: Matched) -> dict[str, tuple[str, str]]:
    """`left right` -> verdict and reason."""
    return {
        f"{row['left_source']}/{row['left_key']} {row['right_source']}/{row['right_key']}": (
            row["verdict"],
            row["reason"],
        )
        for row in done.judgements.to_pylist()
    }


def together(done: Matched, *members: str) -> bool:
    return any(set(members) <= group for group in groups(done))


# -- words -----------------------------------------------------------------------------------------------


def test_a_word_weighs_less_the_more_records_have_it_in_steps() -> None:
    assert step_of(np.array([1, 4, 5, 64, 65, 1024, 1025])).tolist() == [0, 0, 1, 1, 2, 2, 3]
    words = ["ACME", "BOLT", "WIDGET"]
    text, word = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 2, 0, 1, 1, 2])
    made = vectors(3, text, word, words, np.array([2000, 2, 2]))
    shared_common, shared_rare = cosines(made, np.array([0, 0]), np.array([1, 2]))
    assert shared_common < 0.1 < shared_rare


def test_a_typing_error_leaves_two_words_alike() -> None:
    made = vectors(3, np.arange(3), np.arange(3), ["CATHETER", "CATHETRE", "SYRINGE"], np.array([2, 2, 2]))
    near, far = cosines(made, np.array([0, 0]), np.array([1, 2]))
    assert near > 0.5
    assert far < 0.1


def test_a_text_without_words_is_like_nothing() -> None:
    made = vectors(2, np.array([0]), np.array([0]), ["A"], np.array([1]))
    assert cosines(made, np.array([0]), np.array([1])).tolist() == [0.0]


# -- items -----------------------------------------------------------------------------------------------

SCREW = {"mfr_name": "Alder Surgical, Corp.", "mfr_part_no": "ALD-4002-16"}


def test_a_part_number_joins_within_the_manufacturer_however_it_is_written() -> None:
    done = match(
        records(
            {"at": "erp/1", "description": "SALINE FLUSH SYRINGE, 30 ML", **SCREW},
            {
                "at": "north/a",
                "description": "Syringe saline flush 30ml",
                "mfr_name": "ALDER SURGICAL",
                "mfr_part_no": "ald400216",
            },
            {"at": "suite/c", "description": "ALD-4002-16 Saline flush syringe 30 mL"},
            {
                "at": "dc/x",
                "description": "SALINE FLUSH SYRINGE, 30 ML",
                "mfr_name": "Other Maker",
                "mfr_part_no": "OTH-77",
            },
        ),
        ITEM,
    )
    assert together(done, "erp/1", "north/a", "suite/c")
    assert not together(done, "erp/1", "dc/x")


@pytest.mark.parametrize(
    ("one", "other", "unit"),
    [
        ("SALINE FLUSH SYRINGE, 30 ML", "SALINE FLUSH SYRINGE, 20 ML", "ML"),
        ("EXAM GLOVE NITRILE, M", "EXAM GLOVE NITRILE, L", "SIZE"),
        ("FEMORAL STEM LEFT", "FEMORAL STEM RIGHT", "SIDE"),
        ("CHEST DRAIN 24 FR STERILE", "CHEST DRAIN 24 FR NON-STERILE", "STERILE"),
        ("BONE SCREW 2.4MM X 10MM", "BONE SCREW 2.4MM X 12MM", "MM"),
    ],
)
def test_sizes_sides_and_sterility_veto_even_an_equal_part_number(one: str, other: str, unit: str) -> None:
    done = match(
        records({"at": "erp/1", "description": one, **SCREW}, {"at": "north/a", "description": other, **SCREW}), ITEM
    )
    assert groups(done) == {frozenset({"erp/1"}), frozenset({"north/a"})}
    assert set(verdicts(done).values()) == {("different", f"measures:{unit} differs")}


def test_who_says_less_of_the_size_does_not_contradict() -> None:
    done = match(
        records(
            {"at": "erp/1", "description": "BONE SCREW 2.4MM X 10MM STERILE", **SCREW},
            {"at": "north/a", "description": "BONE SCREW 2.4 MM", **SCREW},
        ),
        ITEM,
    )
    assert together(done, "erp/1", "north/a")


@pytest.mark.parametrize(
    "number", ["ALD-4002-17", "ALD-4002-1", "ALD-4002-16S", "ALD-4020-16", "ALD-4002-16+", "*ALD4002-16"]
)
def test_a_near_miss_part_number_never_merges_on_a_name(number: str) -> None:
    text = "SALINE FLUSH SYRINGE PREFILLED LUER"
    done = match(
        records(
            {"at": "erp/1", "description": text, **SCREW},
            {"at": "north/a", "description": text, **SCREW, "mfr_part_no": number},
        ),
        ITEM,
    )
    assert not together(done, "erp/1", "north/a")


def with_aliases(**aliases: tuple[str, ...]) -> DomainRules:
    """The item rules, with other names of makers."""
    assert ITEM.matching is not None
    maker = ITEM.matching.compare["mfr_name"].model_copy(
        update={"aliases": {k.replace("_", " "): v for k, v in aliases.items()}}
    )
    compare = {**ITEM.matching.compare, "mfr_name": maker}
    return ITEM.model_copy(update={"matching": ITEM.matching.model_copy(update={"compare": compare})})


def test_an_alias_of_a_maker_is_that_maker() -> None:
    text = {"description": "SALINE FLUSH SYRINGE PREFILLED LUER"}
    rows = records(
        {"at": "erp/1", **text, "mfr_name": "Becton, Dickinson Inc."},
        {"at": "north/a", **text, "mfr_name": "B-D"},
        {"at": "dc/x", **text, "mfr_name": "Cardinal Health"},
    )
    assert not together(match(rows, ITEM), "erp/1", "north/a")
    known = match(rows, with_aliases(BECTON_DICKINSON=("BD", "b.d. corp")))
    assert groups(known) == {frozenset({"erp/1", "north/a"}), frozenset({"dc/x"})}


def test_lenses_of_plus_and_minus_five_dioptres_are_two() -> None:
    lens = {"description": "INTRAOCULAR LENS ACRYLIC FOLDABLE", "mfr_name": "Alder Surgical"}
    plus, minus = (
        {"at": f"{at}/1", **lens, "mfr_part_no": number} for at, number in (("erp", "SA60+05"), ("north", "SA60-05"))
    )
    assert len(groups(match(records(plus, minus), ITEM))) == 2
    assert len(groups(match(records(plus, plus | {"at": "north/a", "mfr_part_no": "sa60 +05"}), ITEM))) == 1


def test_different_gtins_veto_whatever_else_agrees_and_a_person_is_asked() -> None:
    text = "SALINE FLUSH SYRINGE PREFILLED LUER"
    done = match(
        records(
            {"at": "erp/1", "description": text, "gtin": gtin(1), **SCREW},
            {"at": "north/a", "description": text, "gtin": gtin(2), **SCREW},
            {"at": "dc/x", "description": text, "gtin": gtin(1)},
        ),
        ITEM,
    )
    assert groups(done) == {frozenset({"erp/1", "dc/x"}), frozenset({"north/a"})}
    assert verdicts(done)["erp/1 north/a"] == ("ask", "identifiers differ")


def test_a_general_word_in_the_place_of_a_part_number_joins_nobody() -> None:
    rows = [
        {
            "at": f"erp/{n:03d}",
            "description": f"{word} {n}X{n + 1}",
            "mfr_name": "Alder Surgical",
            "mfr_part_no": "COLOR",
        }
        for n, word in enumerate(["CROWN", "BAND", "WIRE", "TUBE", "BUR", "FILE", "POST", "DRILL"] * 10)
    ]
    assert len(groups(match(records(*rows), ITEM))) == len(rows)


@pytest.mark.parametrize("size", ["0.7 ozt", "1000G", "5.0 MM"])
def test_a_size_in_the_place_of_a_part_number_is_none(size: str) -> None:
    made = {"mfr_name": "Auric Dental", "mfr_part_no": size}
    one, other = {"description": "ALLOY FOR CROWNS PLATINUM"}, {"description": "CASTING WAX GREEN STICKS"}
    assert len(groups(match(records({"at": "erp/1", **one, **made}, {"at": "north/a", **other, **made}), ITEM))) == 2
    made["mfr_part_no"] = "AUR-77-102"
    assert len(groups(match(records({"at": "erp/1", **one, **made}, {"at": "north/a", **other, **made}), ITEM))) == 1


@pytest.mark.parametrize("number", ["530566G", "531496ML", "004-634CM", "3900062G"])
def test_a_part_number_that_ends_like_a_unit_is_no_size(number: str) -> None:
    made = {"mfr_name": "Auric Dental", "mfr_part_no": number}
    one, other = {"description": "FG DIAMOND FINE"}, {"description": "DIAMOND FG, FINE LONG SHANK"}
    written = made | {"mfr_part_no": number.replace("-", "")}
    assert together(
        match(records({"at": "erp/1", **one, **made}, {"at": "north/a", **other, **written}), ITEM), "erp/1", "north/a"
    )


def test_a_number_of_six_digits_in_a_text_names_the_item_and_one_of_five_may_be_a_size() -> None:
    maker = {"mfr_name": "Alder Surgical"}
    for digits, found in (("453094", True), ("45309", False)):
        rows = records(
            {"at": "erp/1", "description": f"BRACKET {digits}", **maker},
            {"at": "north/a", "description": f"BRKT {digits}", **maker},
        )
        assert together(match(rows, ITEM), "erp/1", "north/a") is found


#: Words that make each of many texts another one.
COLOURS = ["SCARLET", "AZURE", "OCHRE", "VIOLET", "CRIMSON", "TEAL", "AMBER"]


def _with_a_word_like_a_code(others: int) -> set[frozenset[str]]:
    """Two records without part numbers whose texts share TQ14R; `others` of other items have it, too."""
    maker = {"mfr_name": "Alder Surgical"}
    rows = [{"at": f"dc/{n}", "description": f"{COLOURS[n]} RETRACTOR TQ14R", **maker} for n in range(others)]
    pair = [
        {"at": at, "description": text, **maker} for at, text in (("erp/1", "BRACKET TQ14R"), ("north/a", "BRKT TQ14R"))
    ]
    return groups(match(records(*pair, *rows), ITEM))


def test_a_word_like_a_code_is_one_only_where_hardly_anybody_has_it() -> None:
    assert frozenset({"erp/1", "north/a"}) in _with_a_word_like_a_code(0)
    assert all(len(group) == 1 for group in _with_a_word_like_a_code(len(COLOURS)))


def _scores(*rows: Mapping[str, str | None]) -> dict[str, float]:
    """Bits of each pair that is worth asking about."""
    return {
        f"{row['left_key']} {row['right_key']}": float(row["score"])
        for row in match(records(*rows), ITEM).judgements.to_pylist()
    }


def test_a_text_that_many_records_have_word_for_word_says_less_than_one_of_few() -> None:
    told = {"description": "PERIOSTEAL ELEVATOR MOLT HANDLE", "mfr_name": "Alder Surgical"}
    pair = [{"at": "erp/1", "mfr_part_no": "ALD-9001", **told}, {"at": "north/a", **told}]
    assert len(groups(match(records(*pair), ITEM))) == 1
    # Three more records that say the same: it names a family, and no longer one of it.
    family = [{"at": f"dc/{n}", "mfr_part_no": f"ALD-{n}44", **told} for n in range(3)]
    assert all(len(group) == 1 for group in groups(match(records(*pair, *family), ITEM)))
    assert _scores(*pair)["1 a"] >= 11.5
    assert "1 a" not in _scores(*pair, *family)


def test_a_number_that_one_source_has_on_several_records_names_a_family() -> None:
    maker = {"mfr_name": "Alder Surgical", "mfr_part_no": "ALD-77-102"}
    pair = [{"at": "erp/1", "description": "CURETTE", **maker}, {"at": "north/a", **maker}]
    assert len(groups(match(records(*pair), ITEM))) == 1
    # The same source lists another thing under the number, and it no longer says which of the two north has.
    again = {"at": "erp/2", "description": "SCALER", **maker}
    assert len(groups(match(records(*pair, again), ITEM))) == 3
    # Another source lists it: that is what the number is for.
    elsewhere = {"at": "dc/x", "description": "CURETTE", **maker}
    assert len(groups(match(records(*pair, elsewhere), ITEM))) == 1


def test_texts_with_the_same_numbers_are_compared_whatever_their_words() -> None:
    """Every word is on too many records to bring candidates; all numbers of the text together are on two."""
    maker = {"mfr_name": "Alder Surgical"}
    many = [
        {"at": f"dc/{n:03d}", "description": f"BAND RING {n + 100} 7", **maker, "mfr_part_no": f"AS-{n}7Q"}
        for n in range(70)
    ]
    many += [
        {"at": f"suite/{n:03d}", "description": f"RING BAND {n + 300} 9 4", **maker, "mfr_part_no": f"AS-{n}9Q"}
        for n in range(70)
    ]
    pair = [
        {"at": "erp/1", "description": "BAND 7 RING 9", **maker},
        {"at": "north/a", "description": "BAND 9 RING 7", **maker},
    ]
    done = match(records(*many, *pair), ITEM)
    assert "erp/1 north/a" in verdicts(done)


def test_said_is_the_root_of_squared_weights_and_part_numbers_make_it_indifferent() -> None:
    text, word = np.array([0, 1, 1]), np.array([0, 0, 1])
    assert said(2, text, word, np.array([2, 50])).tolist() == [12.0, pytest.approx((144 + 64) ** 0.5)]
    told = {"description": "PERIOSTEAL ELEVATOR MOLT HANDLE", "mfr_name": "Alder Surgical", "mfr_part_no": "ALD-9001"}
    rows = [{"at": f"dc/{n}", **told} for n in range(5)]
    assert len(groups(match(records(*rows), ITEM))) == 1


def test_unit_of_use_and_direct_marking_numbers_join_nobody() -> None:
    done = match(
        records(
            {"at": "erp/1", "description": "IMPLANT A", "unit_of_use_di": gtin(5), "direct_marking_di": gtin(6)},
            {"at": "north/a", "description": "ABUTMENT B", "unit_of_use_di": gtin(5), "direct_marking_di": gtin(6)},
        ),
        ITEM,
    )
    assert len(groups(done)) == 2


def test_two_that_fit_equally_well_are_asked_about() -> None:
    maker = {"mfr_name": "Alder Surgical"}
    done = match(
        records(
            {"at": "erp/1", "description": "SALINE FLUSH SYRINGE PREFILLED", "mfr_part_no": "ALD-1", **maker},
            {"at": "erp/2", "description": "SALINE FLUSH SYRINGE PREFILLED", "mfr_part_no": "ALD-2", **maker},
            {"at": "north/a", "description": "SALINE FLUSH SYRINGE PREFILLED", **maker},
        ),
        ITEM,
    )
    assert len(groups(done)) == 3
    asked = {pair for pair, (verdict, reason) in verdicts(done).items() if verdict == "ask" and "another" in reason}
    assert asked == {"erp/1 north/a", "erp/2 north/a"}


def test_one_to_one_the_best_assignment_decides() -> None:
    done = match(
        records(
            {"at": "a/1", "description": "Sony PS-LX350H turntable"},
            {"at": "a/2", "description": "Sony PS-LX250 turntable"},
            {"at": "b/1", "description": "Sony turntable PSLX350H belt drive"},
            {"at": "b/2", "description": "Sony turntable"},
        ),
        ITEM,
        one_to_one=True,
    )
    assert groups(done) == {frozenset({"a/1", "b/1"}), frozenset({"a/2", "b/2"})}


# -- suppliers and locations -----------------------------------------------------------------------------


def test_remit_to_records_that_share_a_duns_number_are_one_supplier_where_their_names_agree() -> None:
    duns = {"duns": "060001554"}
    rows = [{"at": "erp/V1", "legal_name": "Birchwood Health Supply, Inc.", **duns}]
    rows += [
        {"at": f"erp/V1-R{n}", "legal_name": f"Birchwood Health Supply, Inc. REMIT TO {n}", **duns} for n in (1, 2, 3)
    ]
    rows += [{"at": "erp/V9", "legal_name": "Granite Peak Surgical, Corp.", **duns}]
    rows += [{"at": "erp/V2", "legal_name": "Birchwood Health Supply, Inc.", "duns": "060001776"}]
    assert groups(match(records(*rows), SUPPLIER)) == {
        frozenset({"erp/V1", "erp/V1-R1", "erp/V1-R2", "erp/V1-R3"}),
        frozenset({"erp/V9"}),
        frozenset({"erp/V2"}),
    }


PLACE = {"city": "DOTHAN", "state": "AL", "postal_code": "36301"}


def test_a_hospital_is_known_again_by_name_address_and_telephone() -> None:
    done = match(
        records(
            {
                "at": "a/1",
                "name": "SOUTHEAST HEALTH MEDICAL CTR",
                "address_line": "1108 Ross Clark Circle",
                "phone": "(334) 793-8701",
                **PLACE,
            },
            {
                "at": "b/1",
                "name": "Southeast Health Medical Center",
                "address_line": "1108 ROSS CLARK CIR",
                "phone": "3347938701",
                **PLACE,
            },
            {
                "at": "b/2",
                "name": "Flowers Hospital",
                "address_line": "4370 West Main Street",
                "phone": "3347935000",
                **PLACE,
            },
        ),
        LOCATION,
    )
    assert groups(done) == {frozenset({"a/1", "b/1"}), frozenset({"b/2"})}


def test_another_type_of_place_is_asked_about() -> None:
    same = {"name": "JAY HOSPITAL", "address_line": "14114 ALABAMA ST", "phone": "8506754532", "state": "FL"}
    done = match(
        records({"at": "a/1", "type": "Acute Care", **same}, {"at": "b/1", "type": "Critical Access", **same}), LOCATION
    )
    assert len(groups(done)) == 2
    assert verdicts(done) == {"a/1 b/1": ("ask", "type differs")}


# -- judging ---------------------------------------------------------------------------------------------


def pairs(*links: tuple[int, int, float]) -> Pairs:
    left, right, score = zip(*links, strict=True)
    return Pairs(np.array(left), np.array(right), np.array(score, dtype=np.float64), [None] * len(links))


def test_one_weak_link_does_not_join_two_groups() -> None:
    assert ITEM.matching is not None
    links = [(a, b, 20.0) for a, b in ((0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5))]
    judged = judge(np.arange(6), pairs(*links, (2, 3, 15.0)), Guards(), ITEM.matching)
    assert judged.clusters.tolist() == [0, 0, 0, 3, 3, 3]
    assert judged.verdict[-1] == "ask"


def test_a_cluster_never_holds_two_values_of_a_veto_nor_a_source_twice() -> None:
    assert ITEM.matching is not None
    veto = Facts(np.array([0, 2]), np.array([0, 1]))
    links = pairs((0, 1, 20.0), (1, 2, 19.0), (0, 2, 18.0))
    judged = judge(np.arange(3), links, Guards([veto]), ITEM.matching)
    assert judged.clusters[0] != judged.clusters[2]
    sources = Facts(np.arange(3), np.array([0, 1, 0]))
    judged = judge(np.arange(3), links, Guards((), sources), ITEM.matching)
    assert judged.clusters[0] != judged.clusters[2]


def test_what_a_person_keeps_apart_stays_apart() -> None:
    assert ITEM.matching is not None
    judged = judge(np.arange(2), pairs((0, 1, 30.0)), Guards(apart=[(0, 1)]), ITEM.matching)
    assert judged.clusters.tolist() == [0, 1]
    assert judged.verdict == ["different"]


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "description": st.sampled_from(
                ["SALINE FLUSH SYRINGE", "SALINE FLUSH SYRINGE 30 ML", "SYRINGE 20 ML", "STENT"]
            ),
            "mfr_part_no": st.sampled_from([None, "ALD-4002-16", "ALD400216", "ALD-4002-17"]),
            "mfr_name": st.sampled_from([None, "ALDER SURGICAL", "Alder Surgical Corp"]),
            "gtin": st.sampled_from([None, None, gtin(1), gtin(2)]),
        }
    ),
    min_size=2,
    max_size=9,
)


@settings(max_examples=15, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_decides_nothing_and_no_cluster_mixes_gtins(
    rows: list[dict[str, str | None]], dice: random.Random
) -> None:
    named = [{"at": f"s{n % 3}/{n}", **row} for n, row in enumerate(rows)]
    whole = match(records(*named), ITEM)
    dice.shuffle(named)
    again = match(records(*named), ITEM)
    assert groups(again) == groups(whole)
    assert verdicts(again) == verdicts(whole)
    gtins = {f"{row['at']}": row["gtin"] for row in named}
    assert all(len({gtins[member] for member in group} - {None}) <= 1 for group in groups(whole))


def test_a_domain_without_a_matching_block_is_an_error() -> None:
    bare: DomainRules = ITEM.model_copy(update={"matching": None})
    with pytest.raises(ValueError, match="no matching block"):
        match(records({"at": "a/1", "description": "x"}), bare)
