-- Lines to files: which line is in which file, when a file is dropped, what befalls it, and what its lines mean. Reads the view raw_line,
-- whose rows lie in the order of their files (layout, site, day, hour) and lines, and the table layout. Columns of raw_line: drop.py.
CREATE OR REPLACE TEMP TABLE out_line AS
SELECT *, CAST(CASE WHEN getvariable('hourly') AND minute >= 0 THEN minute // 60 ELSE -1 END AS INTEGER) AS hour, row_number() OVER () AS n FROM raw_line;

-- A file is named by its layout with its day, hour and site put in.
CREATE OR REPLACE TEMP TABLE out_file AS
WITH counted AS (
    SELECT layout_no, facility_no, day, hour, count(*) AS rows, coalesce(CAST(sum(amount) AS BIGINT), 0) AS total, min(n) AS first_n
    FROM out_line GROUP BY layout_no, facility_no, day, hour
),

named AS (
    SELECT c.*, y.feed, y.has_trailer, y.is_correctable, coalesce(y.source, s.source) AS source,
        replace(replace(y.file_name, '{code}', coalesce(s.code, '')), '{day}',
            concat(strftime(day_of(c.day), '%Y%m%d'), CASE WHEN c.hour >= 0 THEN printf('_%02d', c.hour) ELSE '' END)) AS file,
        utc_of(c.day, CASE WHEN c.hour < 0 THEN 1500 ELSE (c.hour + 1) * 60 + 5 END, coalesce(s.zone, 'America/New_York')) AS due
    FROM counted AS c JOIN layout AS y USING (layout_no) LEFT JOIN site AS s ON s.facility_no = c.facility_no
),

listed AS (
    SELECT *, text_key(concat(source, '/', file)) AS k FROM named
),

drawn AS (
    SELECT *, file_truncated(k) AS is_cut, file_total_wrong(k) AS is_wrong, file_corrected(k) AS is_corrected, file_late(k) AS is_late, file_out_of_order(k) AS is_behind,
        file_duplicate(k) AS is_twice
    FROM listed
),

struck AS (
    SELECT *, has_trailer AND is_cut AS truncated, has_trailer AND is_wrong AND NOT is_cut AS wrong_total, is_correctable AND is_corrected AS corrected,
        CASE WHEN is_late THEN due + INTERVAL 2 DAY WHEN is_behind THEN due + INTERVAL 25 HOUR ELSE due END AS available
    FROM drawn
)

SELECT layout_no, facility_no, day, hour, source, feed, file, rows, total, first_n, available,
    CASE WHEN truncated OR wrong_total OR corrected THEN available + INTERVAL 1 DAY ELSE available END AS right_at,
    list_filter([CASE WHEN truncated THEN 'file_truncated' END, CASE WHEN wrong_total THEN 'file_total_wrong' END,
        CASE WHEN corrected THEN 'file_corrected' END, CASE WHEN is_late THEN 'file_late' WHEN is_behind THEN 'file_out_of_order' END,
        CASE WHEN is_twice THEN 'file_duplicate' END], lambda x: x IS NOT NULL) AS kinds
FROM struck
ORDER BY first_n;

INSERT INTO truth.file
SELECT source, feed, file, available, right_at, rows, kinds FROM out_file WHERE available <= getvariable('until') ORDER BY first_n;

-- The header is line 1.
INSERT INTO truth.defect
SELECT unnest(l.kinds), f.source, f.feed, f.file, 2 + l.n - f.first_n, l.source_key
FROM out_line AS l JOIN out_file AS f USING (layout_no, facility_no, day, hour)
WHERE len(l.kinds) > 0 AND f.right_at <= getvariable('until');
INSERT INTO truth.defect
SELECT unnest(kinds), source, feed, file, NULL, NULL FROM out_file WHERE available <= getvariable('until');

-- A row counts once its file is there and right; refused rows are expected in quarantine.
INSERT INTO truth.crosswalk
SELECT DISTINCT l.domain, l.entity_id, f.source, l.source_key
FROM out_line AS l JOIN out_file AS f USING (layout_no, facility_no, day, hour)
WHERE l.domain IS NOT NULL AND f.right_at <= getvariable('until')
ORDER BY ALL;
INSERT INTO truth.fact
SELECT l.fact, f.source, l.source_key, l.entity_id, l.supplier_id, l.place_entity, l.to_entity, l.qty_base, l.value, day_of(l.day),
    CASE WHEN l.is_refused THEN 'quarantined' ELSE 'published' END
FROM out_line AS l JOIN out_file AS f USING (layout_no, facility_no, day, hour)
WHERE l.fact IS NOT NULL AND f.right_at <= getvariable('until');
