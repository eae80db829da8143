-- Price catalogues of the first three EDI suppliers: one interchange each, a tier per CTP.
WITH sold AS (
    SELECT s.supplier_no, s.duns, s.first_name, i.item_no, i.erp_no, i.part_no, i.description, k.gtin, k.qty, u.x12, i.price, c.contract_no,
        row_number() OVER (PARTITION BY s.supplier_no ORDER BY i.item_no) AS n
    FROM supplier AS s JOIN item AS i ON i.vendor_no = s.supplier_no JOIN item_pack AS k ON k.item_no = i.item_no AND k.uom = i.order_uom AND k.from_day = 0
    JOIN unit AS u ON u.uom = i.order_uom JOIN contract AS c ON c.supplier_no = s.supplier_no
    WHERE s.is_edi AND s.supplier_no <= 5
),

body AS (
    SELECT supplier_no, duns, count(*) AS n, concat('BCT*PC*', any_value(contract_no ORDER BY n), '~', chr(10), 'N1*SE*', upper(any_value(first_name ORDER BY n)), '*1*', duns, '~', chr(10),
        string_agg(concat('LIN*', n, '*VN*', part_no, '*UK*', gtin, '~', chr(10), 'PID*F*08***', description, '~', chr(10), 'PO4*', qty, '*1*EA~', chr(10),
            'CTP**CON*', rtrim(rtrim(money4(price * qty), '0'), '.'), '*1*', x12, '~', chr(10), 'CTP**CON*', rtrim(rtrim(money4(price * qty * 95 // 100), '0'), '.'), '*10*', x12, '~', chr(10)), '' ORDER BY n),
        'CTT*', count(*), '~', chr(10)) AS text
    FROM sold GROUP BY supplier_no, duns
)

SELECT string_agg(concat('ISA*00*          *00*          *01*', rpad(duns, 15, ' '), '*ZZ*VALLEYHEALTH   *', strftime(day_of(0), '%y%m%d'), '*0600*U*00401*', lpad(CAST(900000000 + supplier_no AS VARCHAR), 9, '0'), '*0*P*>~', chr(10),
    'GS*SC*', duns, '*VALLEYHEALTH*', strftime(day_of(0), '%Y%m%d'), '*0600*', 900000000 + supplier_no, '*X*004010~', chr(10), 'ST*832*0001~', chr(10), text,
    'SE*', length(text) - length(replace(text, '~', '')) + 2, '*0001~', chr(10), 'GE*1*', 900000000 + supplier_no, '~', chr(10), 'IEA*1*', lpad(CAST(900000000 + supplier_no AS VARCHAR), 9, '0'), '~', chr(10)), '' ORDER BY supplier_no) AS text
FROM body
