"""What sets two texts apart: words that only one of them has, and that nothing explains.

Here: counting them, for texts as lists of words. Not here: how a text becomes words (`mastering/sql/matching.sql`),
what such a word is worth (`mastering.matching.pairs`). A word is explained where the other text has it mistyped or
abbreviated, cut off at its end, or where the other text may have been cut or may lack what stands first: then only what
stands between its first and its last word counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

Words = Sequence[str]
#: A word of fewer letters is not taken to be mistyped.
_LONG_ENOUGH = 4


def apart(left: Words, right: Words) -> int:
    """How many words each of two texts has that the other has not: the lesser of the two numbers."""
    ours = _only(left, right)
    return min(ours, _only(right, left)) if ours else 0


def _only(words: Words, other: Words) -> int:
    """How many of the words the other text has not."""
    theirs = set(other)
    if not words or theirs.issuperset(words):
        return 0
    first, last = _span(words, other)
    mine = set(words)
    unheard = [word for word in other if word not in mine]
    end = len(words) - 1
    return sum(
        words[at] not in theirs
        and not (at == end and any(one.startswith(words[at]) for one in other))
        and not any(near(words[at], one) for one in unheard)
        for at in range(first, last + 1)
    )


def _span(words: Words, other: Words) -> tuple[int, int]:
    """Where the words begin and end that the other text, cut short or without what stands first, could have, too."""
    last = _place(words, other[-1], len(words) - 1) if other else len(words) - 1
    first = _place(words, other[0], 0) if other else 0
    return (first if first <= last else 0), last


def _place(words: Words, word: str, otherwise: int) -> int:
    if word in words:
        return words.index(word)
    return next((at for at, one in enumerate(words) if one.startswith(word)), otherwise)


@lru_cache(maxsize=200_000)
def near(one: str, other: str) -> bool:
    """Whether two words may be one, mistyped or abbreviated. Those with a digit never are."""
    if not (one.isalpha() and other.isalpha()):
        return False
    short, long = sorted((one, other), key=len)
    return _short_for(short, long) or (len(short) >= _LONG_ENOUGH and _one_slip(short, long))


def _short_for(short: str, long: str) -> bool:
    """It begins alike, and its letters stand in the long one in their order."""
    rest = iter(long)
    return short[0] == long[0] and all(letter in rest for letter in short)


def _one_slip(short: str, long: str) -> bool:
    """One letter too many, another letter, or two letters the other way round."""
    if len(long) - len(short) > 1:
        return False
    at = next((place for place, letter in enumerate(short) if letter != long[place]), len(short))
    if len(long) > len(short):
        return short[at:] == long[at + 1 :]
    turned = short[at : at + 2] == long[at : at + 2][::-1] and short[at + 2 :] == long[at + 2 :]
    return short[at + 1 :] == long[at + 1 :] or turned
