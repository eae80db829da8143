"""What sets two texts apart: the words that each has alone, and what explains a word away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastering.matching.apart import apart, near

WORDS = st.lists(
    st.sampled_from(["FOLEY", "CATHETER", "CATH", "STERILE", "16", "FR", "LATEX", "LTX", "TRAY"]), max_size=7
)


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        ("BONE SCREW TITANIUM", "BONE SCREW TITANIUM", 0),
        ("SCREW BONE TITANIUM", "BONE SCREW TITANIUM", 0),
        # One text says less than the other: cut short, or without the brand that stands first.
        ("BONE SCREW TITANIUM SELF DRILLING", "BONE SCREW TIT", 0),
        ("ACTEON BONE SCREW TITANIUM", "BONE SCREW TITANIUM", 0),
        ("BONE SCREW SELF DRILLING TITANIUM", "BONE SCREW TITANIUM", 0),
        # Mistyped or abbreviated.
        ("DENTAL IMPLANT ABUTMENT", "DENT IMPL ABUT", 0),
        ("OSTEOTOME DENTAL CURVED", "OSTEOTMOE DENTAL CURVED", 0),
        # Each says something that the other does not.
        ("NEEDLE HOLDER MAYO STRAIGHT", "NEEDLE HOLDER CRILE STRAIGHT", 1),
        ("SHADE A2 MOULD 13", "SHADE C1 MOULD 13", 1),
        ("SCALER SICKLE ANTERIOR HANDLE", "CURETTE GRACEY MINI HANDLE", 3),
        ("GRACEY CURETTE 7 8", "GRACEY CURETTE 11 12", 2),
        ("", "BONE SCREW", 0),
        ("", "", 0),
    ],
)
def test_words_that_each_text_has_alone_are_counted(left: str, right: str, words: int) -> None:
    assert apart(left.split(), right.split()) == words
    assert apart(right.split(), left.split()) == words


@pytest.mark.parametrize(
    ("one", "other", "may_be"),
    [
        ("ABUTMENT", "ABUT", True),
        ("BRACKET", "BRKT", True),
        ("CATHETER", "CATHETRE", True),
        ("CATHETER", "CATHTER", True),
        ("CATHETER", "CATHEXER", True),
        # Numbers differ where they differ at all; short words are not taken to be mistyped.
        ("8045", "8046", False),
        ("A2", "A3", False),
        ("RED", "REX", False),
        ("LEFT", "RIGHT", False),
        ("MAYO", "CRILE", False),
    ],
)
def test_words_may_be_one_mistyped_or_abbreviated(one: str, other: str, may_be: bool) -> None:
    assert near(one, other) is may_be
    assert near(other, one) is may_be


@given(WORDS, WORDS)
def test_it_is_the_same_from_both_sides_and_never_more_than_the_shorter_text_has(
    left: list[str], right: list[str]
) -> None:
    assert apart(left, right) == apart(right, left)
    assert 0 <= apart(left, right) <= min(len(left), len(right))
    assert apart(left, left) == 0
