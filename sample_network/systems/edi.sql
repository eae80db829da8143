-- Documents of the sites of table `here` and their EDI suppliers. Elements are parted by chr(31) and segments end with chr(30) until the partner's own
-- marks replace them. One interchange per file and supplier, one transaction set per document.

CREATE OR REPLACE TEMP TABLE edi_line AS
SELECT l.*, s.duns, s.gln AS supplier_gln, s.erp_no AS vendor, s.edi_style, s.company, s.entity_id AS supplier_id, i.entity_id AS item_id, f.dock_entity AS place_id,
    upper(s.first_name) AS supplier_name, i.erp_no AS item_erp_no, i.description, u.x12,
    CASE WHEN i.vendor_no = i.mfr_no THEN i.part_no ELSE concat('D', 700000 + i.item_no) END AS vendor_part,
    i.vendor_no = l.vendor_no AS is_listed, k.gtin AS pack_gtin, f.dock_code AS place_code, f.dock_name AS place_name, f.dock_gln AS place_gln, f.code AS facility_code, f.zone,
    CASE s.edi_style WHEN 2 THEN concat('92:', s.erp_no) WHEN 3 THEN concat('UL:', s.gln) ELSE concat('1:', s.duns) END AS supplier_key,
    CASE s.edi_style WHEN 3 THEN concat('92:', f.dock_code) ELSE concat('UL:', f.dock_gln) END AS place_key
-- What was ordered, and what was sent in its place: documents of the supplier name the latter.
FROM (
    SELECT *, FALSE AS is_sent_instead FROM po_line
    UNION ALL
    SELECT * REPLACE (item_no_sent AS item_no, 'EA' AS uom, 1 AS factor), TRUE FROM po_line WHERE fate = 'substituted'
) AS l
JOIN supplier AS s ON s.supplier_no = l.vendor_no AND s.is_edi
JOIN item AS i USING (item_no)
JOIN unit AS u ON u.uom = l.uom
JOIN item_pack AS k ON k.item_no = l.item_no AND k.uom = l.uom AND l.day >= k.from_day AND (k.to_day IS NULL OR l.day < k.to_day)
JOIN here AS f USING (facility_no);

-- How each party names the item: the buyer by all numbers, suppliers by their habit.
CREATE OR REPLACE TEMP TABLE edi_shipped AS
SELECT *,
    array_to_string(['UK', pack_gtin, 'VN', vendor_part, 'IN', item_erp_no], chr(31)) AS buyer_ids,
    concat(supplier_key, '|GTIN:', pack_gtin, '|VN:', vendor_part, '|IN:', item_erp_no) AS buyer_item_key,
    CASE edi_style WHEN 0 THEN array_to_string(['IN', item_erp_no, 'VN', vendor_part, 'UK', pack_gtin], chr(31))
        WHEN 1 THEN array_to_string(['VN', vendor_part, 'UK', pack_gtin], chr(31))
        WHEN 2 THEN array_to_string(['VN', vendor_part, 'IN', item_erp_no], chr(31))
        ELSE array_to_string(['UK', pack_gtin], chr(31)) END AS seller_ids,
    concat(supplier_key, CASE WHEN edi_style IN (0, 1, 3) THEN concat('|GTIN:', pack_gtin) ELSE '' END,
        CASE WHEN edi_style IN (0, 1, 2) THEN concat('|VN:', vendor_part) ELSE '' END,
        CASE WHEN edi_style IN (0, 2) THEN concat('|IN:', item_erp_no) ELSE '' END) AS seller_item_key,
    concat(
        CASE edi_style WHEN 2 THEN concat(concat_ws(chr(31), 'N1', 'SE', supplier_name, '92', vendor), chr(30)) WHEN 3 THEN concat(concat_ws(chr(31), 'N1', 'SE', supplier_name, 'UL', supplier_gln), chr(30))
            ELSE concat(concat_ws(chr(31), 'N1', 'SE', supplier_name, '1', duns), chr(30)) END,
        CASE edi_style WHEN 3 THEN concat(concat_ws(chr(31), 'N1', 'ST', replace(place_name, ',', ''), '92', place_code), chr(30)) ELSE concat(concat_ws(chr(31), 'N1', 'ST', replace(place_name, ',', ''), 'UL', place_gln), chr(30)) END
    ) AS parties
FROM edi_line;

CREATE OR REPLACE TEMP TABLE edi_named AS
SELECT o.* EXCLUDE (is_sent_instead), concat(o.vendor_part, 'S') AS other_part, CAST(NULL AS VARCHAR) AS other_item_id FROM edi_shipped AS o WHERE NOT o.is_sent_instead AND o.fate <> 'substituted'
UNION ALL
SELECT o.* EXCLUDE (is_sent_instead), i.vendor_part, CASE WHEN i.is_listed THEN i.item_id END FROM edi_shipped AS o JOIN edi_shipped AS i USING (line_id) WHERE NOT o.is_sent_instead AND i.is_sent_instead;
DELETE FROM edi_shipped WHERE NOT is_sent_instead AND fate = 'substituted';

-- Ship notices number their lines.
CREATE OR REPLACE TEMP TABLE edi_sent AS
SELECT *, 3 + row_number() OVER (PARTITION BY order_id, leg ORDER BY line_no, lot_seq) AS item_hl FROM shipment;

-- One row per document: its set, the interchange's day and minute (network time), number of lines, text from BEG/BAK/BSN/BIG on.
CREATE OR REPLACE TEMP TABLE edi_document AS
SELECT '850' AS set_id, facility_no, day, 1380 AS minute, vendor_no, po_no AS document_no, count(*) AS n,
    concat(
        concat(concat_ws(chr(31), 'BEG', '00', 'NE', po_no, '', strftime(day_of(day), '%Y%m%d')), chr(30)), concat(concat_ws(chr(31), 'CUR', 'BY', 'USD'), chr(30)),
        CASE WHEN min(need_by) IS NULL THEN '' ELSE concat(concat_ws(chr(31), 'DTM', '002', strftime(day_of(min(need_by)), '%Y%m%d')), chr(30)) END, any_value(parties ORDER BY line_no),
        string_agg(concat(concat(concat_ws(chr(31), 'PO1', line_no, qty, x12, price_text(price), '', buyer_ids), chr(30)), concat(concat_ws(chr(31), 'PID', 'F', '', '', '', description), chr(30))), '' ORDER BY line_no),
        concat(concat_ws(chr(31), 'CTT', count(*), sum(qty)), chr(30))
    ) AS body
FROM edi_named GROUP BY facility_no, day, vendor_no, po_no
UNION ALL
SELECT '855', facility_no, day + 1, 360, vendor_no, po_no, count(*),
    concat(
        concat(concat_ws(chr(31), 'BAK', '00', 'AC', po_no, strftime(day_of(day), '%Y%m%d'), '', '', '', concat('SO', substr(po_no, 2)), strftime(day_of(day + 1), '%Y%m%d')), chr(30)), any_value(parties ORDER BY line_no),
        string_agg(concat(
            concat(concat_ws(chr(31), 'PO1', line_no, qty, x12, price_text(CASE WHEN price_changed THEN price * 103 // 100 ELSE price END), '', seller_ids), chr(30)),
            CASE CASE WHEN fate = 'substituted' THEN 'substitute' ELSE fate END
                WHEN 'substitute' THEN concat(concat_ws(chr(31), 'ACK', 'IS', qty, x12, '068', strftime(day_of(day + lead_days), '%Y%m%d'), '', 'VN', other_part), chr(30))
                WHEN 'rejected' THEN concat(concat_ws(chr(31), 'ACK', 'IR', qty, x12), chr(30))
                WHEN 'backorder' THEN concat(concat(concat_ws(chr(31), 'ACK', 'IA', qty // 2, x12, '068', strftime(day_of(day + lead_days), '%Y%m%d')), chr(30)),
                    concat(concat_ws(chr(31), 'ACK', 'IB', qty - qty // 2, x12, '068', strftime(day_of(day + lead_days + 5), '%Y%m%d')), chr(30)))
                ELSE concat(concat_ws(chr(31), 'ACK', CASE WHEN price_changed THEN 'IP' ELSE 'IA' END, qty, x12, '068', strftime(day_of(day + lead_days), '%Y%m%d')), chr(30))
            END), '' ORDER BY line_no),
        concat(concat_ws(chr(31), 'CTT', count(*)), chr(30))
    )
FROM edi_named GROUP BY facility_no, day, vendor_no, po_no
UNION ALL
SELECT '856', s.facility_no, s.day, 300, s.vendor_no, concat('SH', substr(s.po_no, 2), s.leg), count(*),
    concat(
        concat(concat_ws(chr(31), 'BSN', '00', concat('SH', substr(s.po_no, 2), s.leg), strftime(day_of(s.day - 1), '%Y%m%d'), '1630', '0001'), chr(30)), concat(concat_ws(chr(31), 'HL', '1', '', 'S'), chr(30)),
        concat(concat_ws(chr(31), 'TD5', 'O', '2', 'UPSN'), chr(30)), concat(concat_ws(chr(31), 'DTM', '011', strftime(day_of(s.day - 1), '%Y%m%d')), chr(30)), concat(concat_ws(chr(31), 'DTM', '017', strftime(day_of(s.day), '%Y%m%d')), chr(30)),
        any_value(n.parties ORDER BY s.line_no), concat(concat_ws(chr(31), 'HL', '2', '1', 'O'), chr(30)), concat(concat_ws(chr(31), 'PRF', s.po_no, '', '', strftime(day_of(any_value(s.order_day ORDER BY s.line_no)), '%Y%m%d')), chr(30)),
        concat(concat_ws(chr(31), 'HL', '3', '2', 'P'), chr(30)),
        concat(concat_ws(chr(31), 'MAN', 'GM', concat('00', sscc18(any_value(n.company ORDER BY s.line_no), CAST(substr(s.po_no, 2, 6) AS BIGINT) * 10 + s.leg))), chr(30)),
        string_agg(concat(
            concat(concat_ws(chr(31), 'HL', s.item_hl, '3', 'I'), chr(30)), concat(concat_ws(chr(31), 'LIN', s.line_no, concat(n.seller_ids, CASE WHEN s.lot IS NULL THEN '' ELSE concat(chr(31), 'LT', chr(31), s.lot) END)), chr(30)),
            concat(concat_ws(chr(31), 'SN1', '', s.qty, n.x12), chr(30)), CASE WHEN s.expiry_day IS NULL THEN '' ELSE concat(concat_ws(chr(31), 'DTM', '036', strftime(day_of(s.expiry_day), '%Y%m%d')), chr(30)) END), '' ORDER BY s.item_hl),
        concat(concat_ws(chr(31), 'CTT', count(*) + 3), chr(30))
    )
FROM edi_sent AS s
JOIN edi_shipped AS n USING (line_id)
GROUP BY s.facility_no, s.day, s.vendor_no, s.po_no, s.leg
UNION ALL
SELECT '810', b.facility_no, b.day, 1200, b.vendor_no, b.invoice_no, count(*),
    concat(
        concat(concat_ws(chr(31), 'BIG', strftime(day_of(b.day), '%Y%m%d'), b.invoice_no, strftime(day_of(any_value(b.order_day ORDER BY b.invoice_line)), '%Y%m%d'), any_value(b.po_no ORDER BY b.invoice_line), '', '',
            CASE WHEN any_value(b.kind ORDER BY b.invoice_line) = 'credit' THEN 'CR' ELSE 'DI' END), chr(30)),
        concat(concat_ws(chr(31), 'CUR', 'SE', 'USD'), chr(30)), any_value(n.parties ORDER BY b.invoice_line), concat(concat_ws(chr(31), 'ITD', '01', '3', '', '', '', '', '30'), chr(30)),
        string_agg(concat(concat(concat_ws(chr(31), 'IT1', b.line_no, b.qty, u.x12, price_text(b.price), '', n.seller_ids), chr(30))), '' ORDER BY b.invoice_line),
        -- Cents, half up.
        concat(concat_ws(chr(31), 'TDS', (abs(sum(b.amount) + max(b.freight)) + 50) // 100 * CASE WHEN sum(b.amount) < 0 THEN -1 ELSE 1 END), chr(30)),
        CASE WHEN max(b.freight) > 0 THEN concat(concat_ws(chr(31), 'SAC', 'C', 'D240', '', '', max(b.freight) // 100, '', '', '', '', '', '', '', '', '', 'FREIGHT'), chr(30)) ELSE '' END,
        concat(concat_ws(chr(31), 'CTT', count(*)), chr(30))
    )
FROM invoice AS b
JOIN edi_shipped AS n USING (line_id)
JOIN unit AS u ON u.uom = b.uom
GROUP BY b.facility_no, b.day, b.vendor_no, b.invoice_no;

-- Our 850 is acknowledged an hour later.
INSERT INTO edi_document
SELECT '997', facility_no, day, 1440, vendor_no, concat('A', document_no), 0, concat(concat(concat_ws(chr(31), 'AK1', 'PO', interchange_no), chr(30)), concat(concat_ws(chr(31), 'AK9', 'A', sets, sets, sets), chr(30)))
FROM (
    SELECT facility_no, day, vendor_no, min(document_no) AS document_no, count(*) AS sets,
        100000000 + day * 100000 + CAST(facility_no AS BIGINT) * 100 + vendor_no AS interchange_no
    FROM edi_document WHERE set_id = '850' GROUP BY facility_no, day, vendor_no
);

CREATE OR REPLACE TEMP TABLE edi_set AS
SELECT d.*, s.edi_style, s.duns, f.code,
    concat(set_id, '_', f.code, '_', strftime(day_of(d.day), '%Y%m%d'), '.edi') AS file,
    row_number() OVER (PARTITION BY set_id, facility_no, d.day, vendor_no ORDER BY document_no) AS set_no,
    length(body) - length(replace(body, chr(30), '')) + 2 AS segments,
    set_id = '856' AND edi_count_wrong(text_key(document_no)) AS is_miscounted
FROM edi_document AS d
JOIN supplier AS s ON s.supplier_no = d.vendor_no
JOIN here AS f USING (facility_no);

CREATE OR REPLACE TEMP TABLE edi_interchange AS
WITH framed AS (
    SELECT file, set_id, facility_no, day, minute, vendor_no, edi_style, duns, code, count(*) AS sets,
        string_agg(concat(
            concat(concat_ws(chr(31), 'ST', set_id, lpad(CAST(set_no AS VARCHAR), 4, '0')), chr(30)), body,
            concat(concat_ws(chr(31), 'SE', segments + CASE WHEN is_miscounted THEN 1 ELSE 0 END, lpad(CAST(set_no AS VARCHAR), 4, '0')), chr(30))), '' ORDER BY set_no) AS body,
        (CASE set_id WHEN '850' THEN 1 WHEN '855' THEN 2 WHEN '856' THEN 3 WHEN '810' THEN 4 ELSE 5 END) * 100000000 + day * 100000
            + CAST(facility_no AS BIGINT) * 100 + vendor_no AS control
    FROM edi_set
    GROUP BY file, set_id, facility_no, day, minute, vendor_no, edi_style, duns, code
),

copied AS (
    SELECT f.*, c.n AS copy_no, f.control + CASE WHEN c.n = 2 THEN 400000000 ELSE 0 END AS copy_control
    FROM framed AS f
    CROSS JOIN (VALUES (1), (2)) AS c (n)
    WHERE c.n = 1 OR (f.set_id <> '997' AND edi_resent(text_key(f.file)))
),

enveloped AS (
    SELECT *,
        concat(
            array_to_string(['ISA', '00', '          ', '00', '          ',
                CASE set_id WHEN '850' THEN 'ZZ' ELSE '01' END, rpad(CASE set_id WHEN '850' THEN 'VALLEYHEALTH' ELSE duns END, 15, ' '),
                CASE set_id WHEN '850' THEN '01' ELSE 'ZZ' END, rpad(CASE set_id WHEN '850' THEN duns ELSE 'VALLEYHEALTH' END, 15, ' '),
                strftime(local_time(day + CASE WHEN copy_no = 2 THEN 1 ELSE 0 END, minute), '%y%m%d'), strftime(local_time(day, minute), '%H%M'), 'U', '00401',
                lpad(CAST(copy_control AS VARCHAR), 9, '0'), '0', 'P', CASE edi_style WHEN 1 THEN ':' ELSE '>' END], chr(31)), chr(30),
            concat(concat_ws(chr(31), 'GS', CASE set_id WHEN '850' THEN 'PO' WHEN '855' THEN 'PR' WHEN '856' THEN 'SH' WHEN '810' THEN 'IN' ELSE 'FA' END,
                CASE set_id WHEN '850' THEN code ELSE duns END, CASE set_id WHEN '850' THEN duns ELSE code END,
                strftime(local_time(day, minute), '%Y%m%d'), strftime(local_time(day, minute), '%H%M'), copy_control, 'X', '004010'), chr(30)),
            body, concat(concat_ws(chr(31), 'GE', sets, copy_control), chr(30)), concat(concat_ws(chr(31), 'IEA', 1, lpad(CAST(copy_control AS VARCHAR), 9, '0')), chr(30))) AS text
    FROM copied
)

SELECT CASE WHEN copy_no = 2 THEN replace(file, '.edi', '_resent.edi') ELSE file END AS file, file AS first_file, set_id, day, vendor_no, copy_no,
    utc_of(day + CASE WHEN copy_no = 2 THEN 1 ELSE 0 END, minute + 5, 'America/New_York') AS available,
    replace(replace(text, chr(31), ['*', '*', '|', '^'][1 + edi_style]), chr(30), [concat('~', chr(10)), '~', chr(10), concat('~', chr(13), chr(10))][1 + edi_style]) AS text
FROM enveloped;

CREATE OR REPLACE TEMP TABLE edi_file AS
SELECT file, first_file, any_value(set_id) AS set_id, max(available) AS available, max(copy_no) AS copy_no, string_agg(text, '' ORDER BY vendor_no) AS text, count(*) AS interchanges
FROM edi_interchange GROUP BY file, first_file;

INSERT INTO truth.file
SELECT 'edi_hub', 'x12', file, available, available, interchanges, CASE WHEN copy_no = 2 THEN ['edi_resent'] ELSE [] END
FROM edi_file WHERE available <= getvariable('until') ORDER BY file;
INSERT INTO truth.defect
SELECT 'edi_resent', 'edi_hub', 'x12', file, NULL, NULL FROM edi_file WHERE copy_no = 2 AND available <= getvariable('until') ORDER BY file;
INSERT INTO truth.defect
SELECT 'edi_count_wrong', 'edi_hub', 'x12', s.file, NULL, s.document_no FROM edi_set AS s JOIN edi_file AS f USING (file)
WHERE s.is_miscounted AND f.available <= getvariable('until') ORDER BY s.file, s.document_no;

INSERT INTO truth.fact
SELECT 'fact_po_line', 'edi_hub', concat('ZZ|VALLEYHEALTH|', facility_code, '|', po_no, '||', line_no, '|1'), item_id, supplier_id, place_id, NULL,
    qty * factor, dec4(qty * price), day_of(day), 'published'
FROM edi_named WHERE utc_of(day, 1385, 'America/New_York') <= getvariable('until');
-- A substitute is known where the catalogue lists it with this supplier. Its unit is the one of what was ordered: what that is in base
-- units of the substitute is not judged.
INSERT INTO truth.fact
SELECT 'fact_po_ack', 'edi_hub', concat(po_no, '|', line_no, '|', a.n), CASE WHEN fate NOT IN ('substitute', 'substituted') THEN item_id ELSE other_item_id END, supplier_id, place_id, NULL,
    CASE WHEN fate NOT IN ('substitute', 'substituted') THEN factor * CASE WHEN fate <> 'backorder' THEN qty WHEN a.n = 1 THEN qty // 2 ELSE qty - qty // 2 END END,
    NULL, day_of(day + 1), 'published'
FROM edi_named CROSS JOIN (VALUES (1), (2)) AS a (n)
WHERE (a.n = 1 OR fate = 'backorder') AND utc_of(day + 1, 365, 'America/New_York') <= getvariable('until');
INSERT INTO truth.fact
SELECT 'fact_asn_line', 'edi_hub', concat('01|', n.duns, '|', n.supplier_key, '|', d.document_no, '|', s.item_hl, '|1|1'), n.item_id, n.supplier_id, n.place_id, NULL,
    s.qty_base, NULL, day_of(s.day - 1), CASE WHEN d.is_miscounted THEN 'quarantined' ELSE 'published' END
FROM edi_sent AS s
JOIN edi_shipped AS n USING (line_id)
JOIN edi_set AS d ON d.set_id = '856' AND d.document_no = concat('SH', substr(s.po_no, 2), s.leg)
WHERE utc_of(s.day, 305, 'America/New_York') <= getvariable('until');
INSERT INTO truth.fact
SELECT 'fact_invoice_line', 'edi_hub', concat('01|', n.duns, '|', n.supplier_key, '|', b.invoice_no, '|', b.line_no, '|1'), n.item_id, n.supplier_id, n.place_id, NULL,
    b.qty * b.factor, dec4(b.amount), day_of(b.day), 'published'
FROM invoice AS b JOIN edi_shipped AS n USING (line_id)
WHERE utc_of(b.day, 1205, 'America/New_York') <= getvariable('until');
INSERT INTO truth.fact
SELECT 'fact_invoice_line', 'edi_hub', concat('01|', any_value(n.duns), '|', any_value(n.supplier_key), '|', b.invoice_no, '|SAC1|1'), NULL, any_value(n.supplier_id), any_value(n.place_id), NULL,
    NULL, dec4(max(b.freight)), any_value(day_of(b.day)), 'published'
FROM invoice AS b JOIN edi_shipped AS n USING (line_id)
WHERE b.freight > 0 AND utc_of(b.day, 1205, 'America/New_York') <= getvariable('until') GROUP BY b.invoice_no;
