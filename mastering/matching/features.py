"""What the domain's `matching` block says, as SQL: the features of a record and the keys that bring candidates.

Here: SQL text made from the rules. Not here: running it (`mastering.matching.pairs`). Names come from the rules and
are quoted; texts of the rules are quoted literals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mastering.matching.words import STEPS
from mastering.rules import Compare, Matching
from mastering.sqlfile import literal, quoted

#: Macros of `mastering/sql/matching.sql`, in the order in which they need each other.
MACROS = (
    *("strong", "weak", "again", "plain", "chunks", "bare", "code", "is_size", "words", "codes", "numbers", "tokens"),
    *("measures", "conflict"),
)
#: What a shared code is worth by how many records have it (up to each of `words.STEPS`, the last: more). How many
#: systems list an item takes nothing from its number; a source that has it on several records does (`_AGAIN`).
CODE_SHARES = (1.0, 1.0, 1.0, 0.0)
#: The same of a word that only looks like a code. On up to four records it was the item's number in 45 of 47 cases, on
#: more in 46 of 433 (noisy rows of the US device register, tuning part): then it is a size or a series.
WORD_SHARES = (1.0, 0.1, 0.0, 0.0)
#: What a part number is worth that one of the two sources has on several of its records: then it names a family.
_AGAIN = 0.2
#: A shorter code is worth less.
_CODE_LENGTH = 5.0


def read_columns(matching: Matching) -> list[str]:
    """Columns that the relation of new records needs, sorted."""
    return sorted(matching.read)


def joined(columns: Iterable[str]) -> str:
    """One text of several columns."""
    return f"concat_ws(' ', {', '.join(quoted(name) for name in columns)})"


def words_sql(one: Compare, text: str) -> str:
    """The list of words of a text, written the one way that the rules want; of an alias those of what it stands for."""
    words = bare_words_sql(one, text)
    cases = [
        f"WHEN {letters_sql(one, literal(alias))} THEN {bare_words_sql(one, literal(name))}"
        for name, aliases in sorted(one.aliases.items())
        for alias in aliases
    ]
    return f"CASE {letters_sql(one, text)} {' '.join(cases)} ELSE {words} END" if cases else words


def letters_sql(one: Compare, text: str) -> str:
    """What aliases are compared by: the words without what divides them (BD, B-D and B. D. are one)."""
    return f"array_to_string({bare_words_sql(one, text)}, '')"


def bare_words_sql(one: Compare, text: str) -> str:
    """The same with aliases as they stand."""
    words = f"n_words({text})"
    if one.instead:
        cases = " ".join(f"WHEN {literal(old)} THEN {literal(new)}" for old, new in sorted(one.instead.items()))
        words = f"list_transform({words}, lambda w: CASE w {cases} ELSE w END)"
    if one.ignore:
        ignored = ", ".join(literal(word) for word in sorted(one.ignore))
        words = f"list_filter({words}, lambda w: w NOT IN ({ignored}))"
    return words


def _exact_sql(one: Compare, text: str) -> str:
    if one.kind == "digits":
        return f"right(regexp_replace({text}, '[^0-9]+', '', 'g'), 10)"
    return f"n_bare({text})"


# -- features --------------------------------------------------------------------------------------------


def feature_names(matching: Matching) -> dict[str, str]:
    """What the `<...>` of `matching.features` stand for."""
    texts = [joined(one.of or (name,)) for name, one in matching.compare.items()]
    part, found = "CAST(NULL AS VARCHAR)", []
    for name, one in matching.compare.items():
        if one.kind == "code":
            bare = f"n_code({joined(one.of or (name,))})"
            usable = f"length({bare}) >= 5 OR (length({bare}) >= 3 AND regexp_matches({bare}, '[0-9]'))"
            part = f"CASE WHEN ({usable}) AND NOT n_is_size({joined(one.of or (name,))}) THEN {bare} END"
            found = [f"n_codes({joined(one.codes_in)})"] if one.codes_in else []
    lists = [f"list_filter([{part}], lambda x: x IS NOT NULL)", *found]
    measures = f"n_measures({joined(matching.measures_in)})" if matching.measures_in else "CAST([] AS VARCHAR[])"
    return {
        "texts": f"[{', '.join(texts)}]",
        "codes": f"list_distinct(flatten([{', '.join(lists)}]))",
        "part": part,
        "measures": measures,
    }


# -- keys ------------------------------------------------------------------------------------------------


def lists_sql(matching: Matching) -> str:
    """Columns v<place> of n_list: of words and numbers the list, else the value."""
    columns = []
    for place, one in enumerate(matching.compare.values(), start=1):
        text = f"texts[{place}]"
        if one.kind == "words":
            columns.append(f",\n    {words_sql(one, text)} AS v{place}")
        elif one.kind in ("exact", "digits"):
            columns.append(f",\n    {_exact_sql(one, text)} AS v{place}")
        elif one.kind == "numbers":
            columns.append(f",\n    list_sort(n_numbers({text})) AS v{place}")
    return "".join(columns)


def keys_sql(matching: Matching) -> str:
    """Keys of the records of n_list: key, rec. Keys of one kind never equal those of another."""
    places = {name: place for place, name in enumerate(matching.compare, start=1)}
    parts: list[str] = []
    for name, one in matching.compare.items():
        place = places[name]
        inside = [_first(matching.compare[other], places[other]) for other in one.within]
        if one.kind == "words":
            parts += _word_keys(one, place, inside)
        elif one.kind == "code":
            parts += _code_keys(inside)
        elif one.kind == "numbers":
            parts += [_all_numbers(place, value) for value in inside]
        elif one.key:
            parts.append(f"SELECT n_strong(hash('e', {place}, v{place})) AS key, rec FROM n_list WHERE v{place} <> ''")
    return "\nUNION ALL\n".join(parts)


def _first(one: Compare, place: int) -> str:
    return f"v{place}[1]" if one.kind == "words" else f"v{place}"


def _word_keys(one: Compare, place: int, inside: list[str]) -> list[str]:
    words = f"(SELECT rec, *, unnest(v{place}) AS word FROM n_list)"
    couples = (
        f"(SELECT rec, unnest(list_zip(v{place}[:-2], v{place}[2:])) AS couple FROM n_list WHERE len(v{place}) > 1)"
    )
    keys = [f"SELECT DISTINCT {word_key(place, 'word')} AS key, rec FROM {words}"]
    if one.key:
        keys.append(f"SELECT DISTINCT n_weak(hash('p', {place}, couple)) AS key, rec FROM {couples}")
    if one.common:
        keys.append(f"SELECT {text_key(place, f'v{place}')} AS key, rec FROM n_list WHERE len(v{place}) > 0")
    return keys + [_within(words, f"'v', {place}", "n_weak", value) for value in inside]


def _code_keys(inside: list[str]) -> list[str]:
    codes = "(SELECT rec, *, unnest(codes) AS word FROM n_list)"
    plain = f"SELECT DISTINCT {code_key('word')} AS key, rec FROM {codes}"
    again = f"SELECT {again_key('part', 'source_system')} AS key, rec FROM n_list WHERE part IS NOT NULL"
    return [plain, again, *(_within(codes, "'d'", "n_strong", value) for value in inside)]


def _all_numbers(place: int, value: str) -> str:
    """Keys of all numbers of a text, where it has several, together with another comparison's value."""
    return (
        f"SELECT n_strong(hash('n', {literal(value)}, v{place}, {value})) AS key, rec FROM n_list"
        f" WHERE len(v{place}) > 1 AND coalesce({value}, '') <> ''"
    )


def _within(words: str, kind: str, macro: str, value: str) -> str:
    """Keys of a word together with another comparison's value; of words the first one."""
    return (
        f"SELECT DISTINCT {macro}(hash({kind}, {literal(value)}, word, {value})) AS key, rec"
        f" FROM {words} WHERE coalesce({value}, '') <> ''"
    )


def word_key(place: int, word: str) -> str:
    """Key of a word of the comparison at `place`; its holders say how rare the word is."""
    return f"n_weak(hash('w', {place}, {word}))"


def text_key(place: int, words: str) -> str:
    """Key of a whole text of the comparison at `place`, as the list of its words."""
    return f"n_weak(hash('t', {place}, {words}))"


def code_key(code: str) -> str:
    """Key of a code."""
    return f"n_strong(hash('c', {code}))"


def again_key(code: str, source: str) -> str:
    """Key of a code in a source; its holders say whether the source has it on several records."""
    return f"n_again(hash('a', {code}, {source}))"


# -- comparisons -----------------------------------------------------------------------------------------


def involved_sql(matching: Matching) -> str:
    """Columns of n_involved: t<place>, of words a number, from 0, for each different text; else what is compared."""
    columns = [
        f",\n    {_value_sql(one, place)} AS t{place}" for place, one in enumerate(matching.compare.values(), start=1)
    ]
    return "".join(columns)


def _value_sql(one: Compare, place: int) -> str:
    text = f"m.texts[{place}]"
    if one.kind == "words":
        return f"CAST(dense_rank() OVER (ORDER BY {text}) - 1 AS BIGINT)"
    if one.kind == "numbers":
        return f"n_numbers({text})"
    return "NULL" if one.kind == "code" else _exact_sql(one, text)


def code_share(code: str, holders: str, shares: Sequence[float] = CODE_SHARES) -> str:
    """What part of its points a shared code is worth: less the more records have it and the shorter it is."""
    common = " ".join(f"WHEN {holders} <= {step} THEN {share}" for step, share in zip(STEPS, shares, strict=False))
    return f"(least(1, length({code}) / {_CODE_LENGTH}) * CASE {common} ELSE {shares[-1]} END)"


def comparisons_sql(matching: Matching) -> str:
    """Columns of `matching.compared`: c<place> in bits; for words the numbers of the two texts."""
    columns = []
    for place, one in enumerate(matching.compare.values(), start=1):
        left, right = f"p.l.t{place}", f"p.r.t{place}"
        if one.kind == "words":
            columns.append(f"{left} AS l{place}, {right} AS r{place}")
        elif one.kind == "code":
            columns.append(f"{_code_sql(one)} AS c{place}")
        elif one.kind == "numbers":
            columns.append(f"{_numbers_sql(one, left, right)} AS c{place}")
        else:
            empty = f"{left} = '' OR {right} = ''"
            columns.append(
                f"CASE WHEN {empty} THEN 0 WHEN {left} = {right} THEN {one.agree} ELSE {one.differ} END AS c{place}"
            )
    return ",\n    ".join(columns)


def _code_sql(one: Compare) -> str:
    """Bits of the codes. Part numbers decide where both have one; a word that looks like a code is one where neither
    has a part number, and little where one has another. Nearly equal part numbers differ."""
    word = code_share("p.shared.code", "c.holders", WORD_SHARES)
    return (
        f"CASE WHEN p.part_share IS NOT NULL"
        f" THEN {one.agree} * p.part_share * CASE WHEN p.part_again THEN {_AGAIN} ELSE 1 END"
        f" WHEN p.l.part IS NOT NULL AND p.r.part IS NOT NULL THEN {one.differ}"
        f" WHEN p.shared IS NULL THEN 0"
        f" WHEN p.l.part IS NULL AND p.r.part IS NULL THEN {one.agree} * {word}"
        f" ELSE {one.agree} * 0.3 * {word} END"
    )


def _numbers_sql(one: Compare, left: str, right: str) -> str:
    """Each of two texts has a number that the other has not, and no part number is shared."""
    only = "NOT list_has_all({}, {})"
    return (
        f"CASE WHEN (p.part_share IS NOT NULL AND NOT p.part_again) OR len({left}) = 0 OR len({right}) = 0 THEN 0"
        f" WHEN {only.format(right, left)} AND {only.format(left, right)} THEN {one.differ}"
        f" WHEN len({left}) = len({right}) THEN {one.agree} ELSE 0 END"
    )
