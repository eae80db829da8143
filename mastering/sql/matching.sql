-- Candidates and scores of records that no identifier joins. Features and keys of every record rest in master.match_*;
-- `n_new` holds the records that are new or changed, `n_gone` those whose features are taken out.
-- A key is a hash of what two records may share; whoever shares one that is not on too many records is a candidate.

-- :record_table
CREATE TABLE IF NOT EXISTS master.match_record (
    domain VARCHAR NOT NULL,
    rec UBIGINT NOT NULL,
    source_system VARCHAR NOT NULL,
    source_key VARCHAR NOT NULL,
    texts VARCHAR[] NOT NULL,
    codes VARCHAR[] NOT NULL,
    part VARCHAR,
    measures VARCHAR[] NOT NULL
)

-- :key_table
CREATE TABLE IF NOT EXISTS master.match_key (domain VARCHAR NOT NULL, key UBIGINT NOT NULL, rec UBIGINT NOT NULL)

-- :count_table
CREATE TABLE IF NOT EXISTS master.match_count (domain VARCHAR NOT NULL, key UBIGINT NOT NULL, holders BIGINT NOT NULL)

-- :pair_table
CREATE TABLE IF NOT EXISTS master.match_pair (
    domain VARCHAR NOT NULL,
    left_rec UBIGINT NOT NULL,
    right_rec UBIGINT NOT NULL,
    score DECIMAL(6, 2) NOT NULL,
    vetoed VARCHAR,
    bits VARCHAR NOT NULL
)

-- :strong
-- By its rest after division by four: 1 brings a candidate alone; of the keys with 0 it takes two, or one that hardly
-- anybody has; those with 2 bring none, they only tell whether a source says one thing of several of its records.
CREATE OR REPLACE TEMP MACRO n_strong(h) AS h - h % 4 + 1

-- :weak
CREATE OR REPLACE TEMP MACRO n_weak(h) AS h - h % 4

-- :again
CREATE OR REPLACE TEMP MACRO n_again(h) AS h - h % 4 + 2

-- :plain
-- Capitals without accents.
CREATE OR REPLACE TEMP MACRO n_plain(t) AS upper(strip_accents(replace(t, '''', '')))

-- :chunks
CREATE OR REPLACE TEMP MACRO n_chunks(t) AS list_filter(regexp_split_to_array(n_plain(t), '[\s,;]+'), lambda x: length(x) > 0)

-- :bare
CREATE OR REPLACE TEMP MACRO n_bare(t) AS regexp_replace(n_plain(t), '[^0-9A-Z]+', '', 'g')

-- :code
-- A part number without what only separates: a plus or an asterisk does more (KPU504 and KPU504+ are two).
CREATE OR REPLACE TEMP MACRO n_code(t) AS regexp_replace(n_plain(t), '[^0-9A-Z+*]+', '', 'g')

-- :is_size
-- A size in the place of a part number (0.7 ozt, 1000G) is none; with more digits (530566G) it is a part number.
CREATE OR REPLACE TEMP MACRO n_is_size(t) AS coalesce(regexp_full_match(
    n_plain(t), '\s*([0-9]{1,4}|[0-9]{0,4}\.[0-9]+)[\s/.-]*(MM|CM|IN|INCH|FR|GA|ML|CC|MCG|MG|G|KG|OZ|OZT|DWT|LB|FT|YD)\.?\s*'), FALSE)

-- :words
-- Words; of something like PS-LX350H its parts and the whole.
CREATE OR REPLACE TEMP MACRO n_words(t) AS flatten(list_transform(n_chunks(t), lambda x:
    CASE
        WHEN regexp_matches(x, '[0-9]') AND regexp_matches(x, '[0-9A-Z][^0-9A-Z]+[0-9A-Z]')
            THEN list_append(regexp_extract_all(x, '[0-9A-Z]+'), regexp_replace(x, '[^0-9A-Z]+', '', 'g'))
        ELSE regexp_extract_all(x, '[0-9A-Z]+')
    END))

-- :codes
-- Words that look like a part number: five characters or more with a digit, and no measure.
CREATE OR REPLACE TEMP MACRO n_codes(t) AS list_distinct(list_filter(
    list_transform(n_chunks(t), lambda x: n_code(x)),
    lambda x: length(x) BETWEEN 5 AND 22
        AND regexp_matches(x, '[0-9]')
        AND NOT regexp_matches(x, '^[0-9]{1,5}$|^[0-9X]{1,5}(MM|CM|IN|INCH|FR|GA|ML|CC|MCG|MG|KG|OZ|LB|FT|YD|PK|CT|EA|BX|CS|PCS)$|^[0-9]+X[0-9X]+')
))

-- :numbers
-- Words with a digit, leading zeros aside.
CREATE OR REPLACE TEMP MACRO n_numbers(t) AS list_distinct(list_transform(
    regexp_extract_all(n_plain(t), '[0-9A-Z]*[0-9][0-9A-Z]*'), lambda x: ltrim(x, '0')))

-- :tokens
-- Words in their order, leading zeros aside.
CREATE OR REPLACE TEMP MACRO n_tokens(t) AS regexp_extract_all(n_plain(t), '0*([0-9A-Z]+)', 1)

-- :measures
-- What a text says of size, side, sign and sterility, as `unit=value`.
CREATE OR REPLACE TEMP MACRO n_measures(t) AS list_distinct(flatten([
    flatten(list_transform(
        regexp_extract_all(n_plain(t), '[0-9]+(?:\.[0-9]+)?(?:\s*X\s*[0-9]+(?:\.[0-9]+)?)*\s*(?:MM|CM|INCH|IN|FR|GA|G|ML|CC|L|MCG|MG|KG|OZ|LB|FT|YD)\b'),
        lambda m: list_transform(
            regexp_extract_all(m, '[0-9]+(?:\.[0-9]+)?'),
            lambda n: replace(regexp_extract(m, '([A-WYZ]+)$', 1), 'INCH', 'IN')
                || '=' || CAST(CAST(TRY_CAST(n AS DOUBLE) AS FLOAT) AS VARCHAR)
        )
    )),
    list_transform(
        regexp_extract_all(n_plain(t), '(?:^|[\s,(])(XXS|XS|XXL|XL|S|M|L|SMALL|MEDIUM|LARGE|X-LARGE|X-SMALL)(?:$|[\s,)])', 1),
        lambda x: 'SIZE=' || CASE x WHEN 'SMALL' THEN 'S' WHEN 'MEDIUM' THEN 'M' WHEN 'LARGE' THEN 'L' WHEN 'X-LARGE' THEN 'XL' WHEN 'X-SMALL' THEN 'XS' ELSE x END
    ),
    list_transform(
        regexp_extract_all(n_plain(t), '\b(LEFT|RIGHT|LT|RT|LH|RH)\b', 1),
        lambda x: 'SIDE=' || x[1]
    ),
    list_transform(
        regexp_extract_all(n_plain(t), '(?:^|\s)([+-][0-9]+(?:\.[0-9]+)?)(?:$|[\s,])', 1),
        lambda x: 'SIGN=' || x
    ),
    list_transform(
        regexp_extract_all(n_plain(t), '\b(NON[\s-]*STERILE|STERILE|UNSTERILE)\b', 1),
        lambda x: 'STERILE=' || CASE WHEN x = 'STERILE' THEN 'Y' ELSE 'N' END
    )
]))

-- :conflict
-- The units of which each of two texts says something the other does not: one may say less, but not something else.
CREATE OR REPLACE TEMP MACRO n_conflict(a, b) AS list_sort(list_intersect(
    list_transform(list_filter(a, lambda x: NOT list_contains(b, x)), lambda x: split_part(x, '=', 1)),
    list_transform(list_filter(b, lambda x: NOT list_contains(a, x)), lambda x: split_part(x, '=', 1))
))

-- :features
CREATE OR REPLACE TEMP TABLE n_feature AS
SELECT
    rec,
    source_system,
    source_key,
    <texts> AS texts,
    <codes> AS codes,
    <part> AS part,
    <measures> AS measures
FROM n_new

-- :lists
-- What keys are made of, taken apart once.
CREATE OR REPLACE TEMP TABLE n_list AS
SELECT rec, source_system, part, codes<values>
FROM n_feature

-- :key_of
-- One row per key and record.
CREATE OR REPLACE TEMP TABLE n_key AS
<keys>

-- :count_changes
-- Keys that came or went, with the holders they have now and had before.
CREATE OR REPLACE TEMP TABLE n_count AS
WITH change AS (
    SELECT key, sum(delta) AS delta
    FROM (
        SELECT key, 1 AS delta FROM n_key
        UNION ALL
        SELECT k.key, -1
        FROM master.match_key AS k
        SEMI JOIN n_gone AS g ON k.rec = g.rec
        WHERE k.domain = $domain
    )
    GROUP BY key
    HAVING sum(delta) <> 0
)

SELECT c.key, coalesce(m.holders, 0) AS before, coalesce(m.holders, 0) + CAST(c.delta AS BIGINT) AS now
FROM change AS c
LEFT JOIN (SELECT key, holders FROM master.match_count WHERE domain = $domain) AS m ON c.key = m.key

-- :forget_records
DELETE FROM master.match_record WHERE domain = $domain AND rec IN (SELECT rec FROM n_gone)

-- :forget_keys
DELETE FROM master.match_key WHERE domain = $domain AND rec IN (SELECT rec FROM n_gone)

-- :forget_counts
DELETE FROM master.match_count WHERE domain = $domain AND key IN (SELECT key FROM n_count)

-- :note_records
INSERT INTO master.match_record SELECT $domain, rec, source_system, source_key, texts, codes, part, measures FROM n_feature

-- :note_keys
INSERT INTO master.match_key SELECT $domain, key, rec FROM n_key

-- :note_counts
INSERT INTO master.match_count SELECT $domain, key, now FROM n_count WHERE now > 0

-- :affected
-- Records to be compared anew: those that changed, and the holders of a key whose number of holders passed a step.
CREATE OR REPLACE TEMP TABLE n_affected AS
WITH passed AS (
    SELECT key
    FROM n_count
    WHERE
        CASE
            WHEN key % 4 = 2 THEN (before <= 1) <> (now <= 1)
            ELSE
                (before <= $max_holders) <> (now <= $max_holders)
                OR (before <= $step_one) <> (now <= $step_one)
                OR (before <= $step_two) <> (now <= $step_two)
                OR (before <= $step_three) <> (now <= $step_three)
        END
)

SELECT rec FROM n_feature
UNION
SELECT k.rec
FROM master.match_key AS k
SEMI JOIN passed AS p ON k.key = p.key
WHERE k.domain = $domain

-- :forget_pairs
DELETE FROM master.match_pair
WHERE
    domain = $domain
    AND (
        left_rec IN (SELECT rec FROM n_gone UNION SELECT rec FROM n_affected)
        OR right_rec IN (SELECT rec FROM n_gone UNION SELECT rec FROM n_affected)
    )

-- :live_keys
-- Keys of the affected records that may bring candidates.
CREATE OR REPLACE TEMP TABLE n_live AS
SELECT k.key, k.rec, CASE WHEN k.key % 4 = 1 OR c.holders <= $step_one THEN 2 ELSE 1 END AS weight
FROM master.match_key AS k
SEMI JOIN n_affected AS a ON k.rec = a.rec
INNER JOIN (SELECT key, holders FROM master.match_count WHERE domain = $domain AND key % 4 <> 2 AND holders BETWEEN 2 AND $max_holders) AS c ON k.key = c.key
WHERE k.domain = $domain

-- :other_keys
-- Everybody who has one of them.
CREATE OR REPLACE TEMP TABLE n_other AS
SELECT k.key, k.rec, a.rec IS NOT NULL AS is_affected
FROM master.match_key AS k
SEMI JOIN (SELECT DISTINCT key FROM n_live) AS l ON k.key = l.key
LEFT JOIN n_affected AS a ON k.rec = a.rec
WHERE k.domain = $domain

-- :candidates
CREATE OR REPLACE TEMP TABLE n_pair AS
SELECT least(l.rec, o.rec) AS left_rec, greatest(l.rec, o.rec) AS right_rec
FROM n_live AS l
INNER JOIN n_other AS o ON l.key = o.key
WHERE
    l.rec <> o.rec
    AND l.rec % $parts = $part
    -- Of two affected records the lesser one brings the pair, so that no part finds it again.
    AND (l.rec < o.rec OR NOT o.is_affected)
GROUP BY ALL
HAVING sum(l.weight) >= $needed

-- :involved
-- Features of everybody who is compared. What stands in the place of a part number on many records (COLOR, SEE NOTES) is
-- none. `part_again`: its source has the number on several records.
CREATE OR REPLACE TEMP TABLE n_involved AS
SELECT
    m.rec,
    m.texts,
    m.codes,
    CASE WHEN c.holders <= $max_holders THEN m.part END AS part,
    <part_share> AS part_share,
    a.key IS NOT NULL AS part_again,
    m.measures<values>
FROM master.match_record AS m
LEFT JOIN (SELECT key, holders FROM master.match_count WHERE domain = $domain) AS c ON <part_key> = c.key
LEFT JOIN (SELECT key FROM master.match_count WHERE domain = $domain AND key % 4 = 2 AND holders > 1) AS a ON <again_key> = a.key
WHERE m.domain = $domain AND m.rec IN (<who>)

-- :text_words
-- The words of each different text of one comparison, with the number of records that have them.
WITH held AS (
    SELECT DISTINCT text_no, word
    FROM (
        SELECT text_no, unnest(<words>) AS word
        FROM (SELECT DISTINCT <text_no> AS text_no, texts[<place>] AS text FROM n_involved)
    )
),

word AS (SELECT word, CAST(row_number() OVER (ORDER BY word) - 1 AS BIGINT) AS word_no FROM (SELECT DISTINCT word FROM held))

SELECT h.text_no, w.word_no, w.word, coalesce(c.holders, 1) AS holders
FROM held AS h
INNER JOIN word AS w ON h.word = w.word
LEFT JOIN (SELECT key, holders FROM master.match_count WHERE domain = $domain) AS c ON <word_key> = c.key

-- :common_texts
-- The texts that stand word for word on more records than one thing has.
SELECT t.text_no
FROM (SELECT DISTINCT <text_no> AS text_no, texts[<place>] AS text FROM n_involved) AS t
INNER JOIN (SELECT key FROM master.match_count WHERE domain = $domain AND holders > $step_one) AS c ON <text_key> = c.key

-- :compared
-- Each candidate pair with what can be compared by SQL; words are compared by their vectors. `part_share`: what a part
-- number is worth that both have. `shared`: the longest other code that both have.
WITH pair AS (
    SELECT
        p.left_rec,
        p.right_rec,
        l,
        r,
        CASE WHEN list_contains(l.codes, r.part) THEN r.part_share WHEN list_contains(r.codes, l.part) THEN l.part_share END AS part_share,
        (list_contains(l.codes, r.part) AND r.part_again) OR (list_contains(r.codes, l.part) AND l.part_again) AS part_again,
        CASE
            WHEN (l.part IS NULL OR r.part IS NULL) AND list_has_any(l.codes, r.codes)
                THEN list_max(list_transform(list_intersect(l.codes, r.codes), lambda x: {'size': length(x), 'code': x}))
        END AS shared
    FROM n_pair AS p
    INNER JOIN n_involved AS l ON p.left_rec = l.rec
    INNER JOIN n_involved AS r ON p.right_rec = r.rec
)

SELECT
    p.left_rec,
    p.right_rec,
    p.part_share IS NOT NULL AND NOT coalesce(p.part_again, FALSE) AS part_agrees,
    <comparisons>
FROM pair AS p
LEFT JOIN (SELECT key, holders FROM master.match_count WHERE domain = $domain) AS c ON <shared_key> = c.key

-- :tokens_of
-- The words of the texts of `n_due` in one comparison.
SELECT DISTINCT t<place> AS text_no, n_tokens(texts[<place>]) AS words
FROM n_involved
WHERE t<place> IN (SELECT text_no FROM n_due)

-- :keep_pairs
INSERT INTO master.match_pair
SELECT
    $domain,
    s.left_rec,
    s.right_rec,
    s.score,
    nullif(concat_ws('+', CASE WHEN len(n_conflict(l.measures, r.measures)) > 0 THEN 'measures:' || array_to_string(n_conflict(l.measures, r.measures), ',') END, nullif(s.vetoes, '')), ''),
    CAST(to_json(s.bits) AS VARCHAR)
FROM n_scored AS s
INNER JOIN n_involved AS l ON s.left_rec = l.rec
INNER JOIN n_involved AS r ON s.right_rec = r.rec

-- :touched_before
CREATE OR REPLACE TEMP TABLE n_touched AS
WITH mine AS (
    SELECT rec FROM n_affected
    UNION
    SELECT rec FROM n_gone
)

SELECT rec FROM mine
UNION
SELECT p.right_rec FROM master.match_pair AS p SEMI JOIN mine AS m ON p.left_rec = m.rec WHERE p.domain = $domain
UNION
SELECT p.left_rec FROM master.match_pair AS p SEMI JOIN mine AS m ON p.right_rec = m.rec WHERE p.domain = $domain

-- :touched_now
INSERT INTO n_touched
SELECT rec
FROM (
    SELECT p.right_rec AS rec FROM master.match_pair AS p SEMI JOIN n_touched AS m ON p.left_rec = m.rec WHERE p.domain = $domain
    UNION
    SELECT p.left_rec FROM master.match_pair AS p SEMI JOIN n_touched AS m ON p.right_rec = m.rec WHERE p.domain = $domain
) AS now
WHERE rec NOT IN (SELECT rec FROM n_touched)

-- :forget_domain
DELETE FROM master.match_pair WHERE domain = $domain

-- :gone
CREATE OR REPLACE TEMP TABLE n_gone AS
SELECT hash(source_system, source_key) AS rec FROM i_key

-- :gone_all
CREATE OR REPLACE TEMP TABLE n_gone AS
SELECT rec FROM master.match_record WHERE domain = $domain
UNION
SELECT hash(source_system, source_key) FROM i_key

-- :new
-- What the records of i_key say now; a deleted record: what it said when it was deleted. What has no say says nothing.
CREATE OR REPLACE TEMP TABLE n_new AS
SELECT
    hash(r.source_system, r.source_key) AS rec,
    r.source_system,
    r.source_key<columns>
FROM master.record AS r
SEMI JOIN i_key AS k ON r.source_system = k.source_system AND r.source_key = k.source_key
INNER JOIN i_source AS y ON r.source_system = y.source_system AND NOT y.is_reference
INNER JOIN master.statement AS s ON r.source_system = s.source_system AND r.source_key = s.source_key
WHERE
    r.domain = $domain
    AND r.valid_to IS NULL
    AND s.domain = $domain
    AND s.fault IS NULL
    AND s.attribute IN (<read>)
    AND CASE WHEN r.is_live THEN s.valid_to IS NULL ELSE s.valid_to = r.valid_from END
GROUP BY r.source_system, r.source_key

-- :paired
CREATE OR REPLACE TEMP TABLE i_paired AS
SELECT m.source_system, m.source_key
FROM master.match_record AS m
SEMI JOIN n_touched AS t ON m.rec = t.rec
WHERE m.domain = $domain

-- :reached_pairs
SELECT least(l.rec, r.rec) AS l, greatest(l.rec, r.rec) AS r, p.score, p.vetoed, p.bits
FROM master.match_pair AS p
INNER JOIN (SELECT hash(source_system, source_key) AS h, rec FROM i_rec WHERE NOT is_reference) AS l ON p.left_rec = l.h
INNER JOIN (SELECT hash(source_system, source_key) AS h, rec FROM i_rec WHERE NOT is_reference) AS r ON p.right_rec = r.h
WHERE p.domain = $domain
ORDER BY 1, 2

-- :sharing
-- Records that share an identifier, and on how many levels.
CREATE OR REPLACE TEMP TABLE n_sharing AS
WITH shared AS (
    SELECT l.rec, r.rec AS other, count(DISTINCT l.level) AS levels
    FROM <node> AS l
    INNER JOIN <node> AS r ON l.level = r.level AND l.value_no = r.value_no AND l.rec < r.rec
    GROUP BY l.rec, r.rec
)

SELECT s.rec, s.other, s.levels, lm AS l, rm AS r, len(n_conflict(lm.measures, rm.measures)) > 0 AS conflict
FROM shared AS s
INNER JOIN <numbered> AS ln ON s.rec = ln.rec
INNER JOIN <numbered> AS rn ON s.other = rn.rec
INNER JOIN master.match_record AS lm ON lm.domain = $domain AND lm.rec = hash(ln.source_system, ln.source_key)
INNER JOIN master.match_record AS rm ON rm.domain = $domain AND rm.rec = hash(rn.source_system, rn.source_key)
WHERE NOT list_has_any(lm.codes, rm.codes)

-- :contradictions
-- Records that share an identifier although their measures differ: one of them has the other's number, and neither is
-- believed. Where a code or a second identifier agrees, too, the text is more likely to be wrong than both.
SELECT rec, other, 'measures' AS why
FROM n_sharing
WHERE conflict AND (levels = 1 OR (len(l.codes) > 0 AND len(r.codes) > 0))

-- :unlike
-- Records that share one identifier, whose part numbers differ and whose measures do not, with the words of both texts.
SELECT rec, other, n_tokens(l.texts[<place>]) AS l, n_tokens(r.texts[<place>]) AS r
FROM n_sharing AS s
WHERE s.levels = 1 AND NOT s.conflict AND s.l.part IS NOT NULL AND s.r.part IS NOT NULL
