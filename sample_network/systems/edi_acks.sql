-- Functional acknowledgments (997) that the hub sends for what suppliers sent, an hour after it came: one interchange for each of theirs.
-- A set whose segments were miscounted is refused (AK501 R, AK502 4). Continues the tables of edi.sql.
CREATE OR REPLACE TEMP TABLE edi_answer AS
WITH heard AS (
    SELECT set_id, facility_no, day, vendor_no, edi_style, duns, code, any_value(file) AS first_file, count(*) AS sets, count(*) FILTER (WHERE NOT is_miscounted) AS accepted,
        -- Control numbers as edi.sql draws them: its set, day, hospital and supplier.
        (CASE set_id WHEN '855' THEN 2 WHEN '856' THEN 3 ELSE 4 END) * 100000000 + day * 100000 + CAST(facility_no AS BIGINT) * 100 + vendor_no AS control,
        string_agg(concat('AK2', chr(31), set_id, chr(31), lpad(CAST(set_no AS VARCHAR), 4, '0'), chr(30), 'AK5', chr(31),
            CASE WHEN is_miscounted THEN concat('R', chr(31), '4') ELSE 'A' END, chr(30)), '' ORDER BY set_no) AS body
    FROM edi_set WHERE set_id IN ('855', '856', '810')
    GROUP BY set_id, facility_no, day, vendor_no, edi_style, duns, code
)

SELECT *, CASE set_id WHEN '855' THEN 420 WHEN '856' THEN 360 ELSE 1260 END AS minute, 500000000 + control AS own_control,
    concat('997_', code, '_', strftime(day_of(day), '%Y%m%d'), '_out.edi') AS file
FROM heard;

-- Its file is of the day; it is there once the last answer of the day is.
INSERT INTO edi_file
WITH enveloped AS (
    SELECT file, own_control, edi_style,
        concat(
            array_to_string(['ISA', '00', '          ', '00', '          ', 'ZZ', rpad('VALLEYHEALTH', 15, ' '), '01', rpad(duns, 15, ' '), strftime(local_time(day, minute), '%y%m%d'),
                strftime(local_time(day, minute), '%H%M'), 'U', '00401', lpad(CAST(own_control AS VARCHAR), 9, '0'), '0', 'P', CASE edi_style WHEN 1 THEN ':' ELSE '>' END], chr(31)), chr(30),
            concat_ws(chr(31), 'GS', 'FA', code, duns, strftime(local_time(day, minute), '%Y%m%d'), strftime(local_time(day, minute), '%H%M'), own_control, 'X', '004010'), chr(30),
            concat_ws(chr(31), 'ST', '997', '0001'), chr(30),
            concat_ws(chr(31), 'AK1', CASE set_id WHEN '855' THEN 'PR' WHEN '856' THEN 'SH' ELSE 'IN' END, control), chr(30), body,
            concat_ws(chr(31), 'AK9', CASE WHEN accepted = sets THEN 'A' WHEN accepted = 0 THEN 'R' ELSE 'P' END, sets, sets, accepted), chr(30),
            concat_ws(chr(31), 'SE', 2 * sets + 4, '0001'), chr(30), concat_ws(chr(31), 'GE', 1, own_control), chr(30), concat_ws(chr(31), 'IEA', 1, lpad(CAST(own_control AS VARCHAR), 9, '0')), chr(30)) AS text,
        utc_of(day, 1265, 'America/New_York') AS available
    FROM edi_answer
)

SELECT file, file, '997', any_value(available), 1,
    string_agg(replace(replace(text, chr(31), ['*', '*', '|', '^'][1 + edi_style]), chr(30), [concat('~', chr(10)), '~', chr(10), concat('~', chr(13), chr(10))][1 + edi_style]), '' ORDER BY own_control), count(*)
FROM enveloped GROUP BY file;
INSERT INTO truth.file
SELECT 'edi_hub', 'x12', file, available, available, interchanges, [] FROM edi_file WHERE ends_with(file, '_out.edi') AND available <= getvariable('until') ORDER BY file;
INSERT INTO truth.functional_ack
SELECT * FROM (
    SELECT 'sent' AS direction, a.file, s.set_id, s.document_no, a.control, CASE WHEN s.is_miscounted THEN 'R' ELSE 'A' END AS ack_code, day_of(a.day) AS ack_date
    FROM edi_answer AS a JOIN edi_set AS s USING (set_id, facility_no, day, vendor_no) JOIN edi_file AS f ON f.file = a.file WHERE f.available <= getvariable('until')
    UNION ALL
    SELECT 'received', f.file, o.set_id, o.document_no, 100000000 + o.day * 100000 + CAST(o.facility_no AS BIGINT) * 100 + o.vendor_no, 'A', day_of(o.day)
    FROM edi_set AS o JOIN edi_set AS a ON a.set_id = '997' AND a.facility_no = o.facility_no AND a.day = o.day AND a.vendor_no = o.vendor_no JOIN edi_file AS f ON f.file = a.file
    WHERE o.set_id = '850' AND f.available <= getvariable('until')
);
