"""How alike two texts are: words weighted by how rare they are, compared by their character trigrams.

Here: vectors of texts and their cosine. Not here: how a text becomes words (`mastering.sql.matching`), what a cosine
is worth (`mastering.matching.pairs`). A word's weight depends on the number of records that have it, in four steps:
so a new record changes the weight of a word only where its count passes a step, and whose that is can be looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

#: A word on at most so many records (the last: on more) weighs so much, roughly in bits.
STEPS = (4, 64, 1024)
WEIGHTS = (12.0, 8.0, 4.0, 1.5)
_LONGEST = 22
#: 0-9, A-Z, and what stands before and after a word; 0 is no character.
_LETTERS = 39
GRAMS = _LETTERS**3

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def step_of(counts: Ints) -> Ints:
    """The step (0 rare to 3 common) of words on so many records."""
    return np.searchsorted(np.asarray(STEPS), counts, side="left").astype(np.int64)


def _codes(words: Sequence[str]) -> npt.NDArray[np.int32]:
    """Words (0-9A-Z) as rows of small numbers between two marks, filled up with 0."""
    padded = np.array([f"^{word[:_LONGEST]}$" for word in words], dtype=f"S{_LONGEST + 2}")
    table = np.zeros(256, dtype=np.int32)
    for place, letter in enumerate(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^$", start=1):
        table[letter] = place
    raw = padded.view(np.uint8).reshape(len(words), _LONGEST + 2)
    return table[raw]


def _gram_matrix(words: Sequence[str], counts: Ints) -> Any:  # noqa: ANN401 - scipy is untyped
    """Words x trigrams; a word's weight is spread over its trigrams so that long words do not weigh more."""
    from scipy.sparse import csr_array

    if not len(words):
        return csr_array((0, GRAMS), dtype=np.float32)
    codes = _codes(words)
    grams = (codes[:, :-2] * _LETTERS + codes[:, 1:-1]) * _LETTERS + codes[:, 2:]
    real = codes[:, 2:] > 0
    sizes = real.sum(axis=1)
    weights = np.asarray(WEIGHTS, dtype=np.float32)[step_of(counts)] / np.sqrt(sizes)
    pointer = np.concatenate([[0], np.cumsum(sizes)])
    return csr_array((np.repeat(weights, sizes).astype(np.float32), grams[real], pointer), shape=(len(words), GRAMS))


def vectors(count: int, text: Ints, word: Ints, words: Sequence[str], counts: Ints) -> Any:  # noqa: ANN401
    """Unit vectors (texts x trigrams) of `count` texts; text[i] (0-based) has word[i] (place in `words`).

    `counts[j]`: on how many records `words[j]` is. A text without words has the zero vector.
    """
    from scipy.sparse import csr_array, diags_array

    ones = np.ones(text.size, dtype=np.float32)
    held = csr_array((ones, (text, word)), shape=(count, len(words)))
    made = (held @ _gram_matrix(words, counts)).tocsr()
    length = np.sqrt(np.asarray(made.multiply(made).sum(axis=1)).ravel())
    length[length == 0] = 1
    return (diags_array((1 / length).astype(np.float32)) @ made).tocsr()


def said(count: int, text: Ints, word: Ints, counts: Ints) -> npt.NDArray[np.float64]:
    """How much each of `count` texts says: the root of the sum of its words' squared weights; one rare word says 12.

    `text`, `word` and `counts` as in `vectors`.
    """
    # The squares are exact in binary, so that their order decides nothing.
    squares = np.asarray(WEIGHTS, dtype=np.float64)[step_of(counts)] ** 2
    return np.sqrt(np.bincount(text, weights=squares[word], minlength=count))


def cosines(made: Any, left: Ints, right: Ints, chunk: int = 100_000) -> Floats:  # noqa: ANN401
    """Cosine of each pair of rows, 0 to 1."""
    parts = [
        np.asarray(made[left[at : at + chunk]].multiply(made[right[at : at + chunk]]).sum(axis=1)).ravel()
        for at in range(0, left.size, chunk)
    ]
    found = np.concatenate(parts) if parts else np.empty(0)
    # Rounded: the order in which terms are added must not decide anything.
    rounded: Floats = np.clip(np.round(found, 4), 0, 1).astype(np.float32)
    return rounded
