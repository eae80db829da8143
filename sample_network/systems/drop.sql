-- Lines to files: line numbers (the header is line 1), when a file is dropped, and what befalls it.
CREATE OR REPLACE TEMP TABLE out_line AS
SELECT *, 1 + row_number() OVER (PARTITION BY file ORDER BY ord) AS line FROM raw_line;

CREATE OR REPLACE TEMP TABLE out_file AS
WITH listed AS (
    SELECT file, min(day) AS day, count(*) AS rows, CAST(sum(amount) AS BIGINT) AS total,
        utc_of(min(day), CASE WHEN max(minute) < 0 THEN 1500 ELSE (max(minute) // 60 + 1) * 60 + 5 END, getvariable('zone')) AS due,
        text_key(concat(getvariable('source'), '/', file)) AS k
    FROM out_line
    GROUP BY file
),

struck AS (
    SELECT *,
        getvariable('has_trailer') AND file_truncated(k) AS truncated,
        getvariable('has_trailer') AND file_total_wrong(k) AND NOT file_truncated(k) AS wrong_total,
        getvariable('correctable') AND file_corrected(k) AS corrected
    FROM listed
),

timed AS (
    SELECT *, CASE WHEN file_late(k) THEN due + INTERVAL 2 DAY WHEN file_out_of_order(k) THEN due + INTERVAL 25 HOUR ELSE due END AS available FROM struck
)

SELECT file, day, rows, total, available,
    CASE WHEN truncated OR wrong_total OR corrected THEN available + INTERVAL 1 DAY ELSE available END AS right_at,
    list_filter([CASE WHEN truncated THEN 'file_truncated' END, CASE WHEN wrong_total THEN 'file_total_wrong' END,
        CASE WHEN corrected THEN 'file_corrected' END, CASE WHEN file_late(k) THEN 'file_late' WHEN file_out_of_order(k) THEN 'file_out_of_order' END,
        CASE WHEN file_duplicate(k) THEN 'file_duplicate' END], lambda x: x IS NOT NULL) AS kinds
FROM timed;

INSERT INTO truth.file
SELECT getvariable('source'), getvariable('feed'), file, available, right_at, rows, kinds FROM out_file
WHERE available <= getvariable('until') ORDER BY file;

INSERT INTO truth.defect
SELECT kind, getvariable('source'), getvariable('feed'), file, line, source_key FROM (
    SELECT unnest(l.kinds) AS kind, l.file, l.line, l.source_key
    FROM out_line AS l JOIN out_file AS f USING (file)
    WHERE len(l.kinds) > 0 AND f.right_at <= getvariable('until')
    UNION ALL
    SELECT unnest(kinds), file, NULL, NULL FROM out_file WHERE available <= getvariable('until')
)
ORDER BY file, line NULLS FIRST, kind;
