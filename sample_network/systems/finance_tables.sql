-- Finance tables of the legacy ERP as they stand at `until`. Keys are company-numbered and right-justified, dates are numbers
-- yyyymmdd with 0 for none, the fiscal year begins in July.
-- section: shared__gl_account
SELECT 100 + f.facility_no, a.account, a.name, a.kind, strftime(DATE '2019-07-01', '%Y%m%d') FROM facility AS f CROSS JOIN gl_account AS a ORDER BY 1, 2
-- section: shared__cost_centre
SELECT company, acct_unit(room_no), name, facility, code, strftime(DATE '2019-07-01', '%Y%m%d'), '0', strftime(DATE '2019-07-01', '%Y%m%d') FROM cost_centre ORDER BY 1, 2
-- section: shared__budget
SELECT company, acct_unit(room_no), account, fiscal_year, period, money4(amount) FROM budget ORDER BY 1, 2, 3, 4, 5
-- section: site__commitment
SELECT company, lpad(po_no, 14, ' '), seq, acct_unit(room_no), 1300, CASE kind WHEN 'encumber' THEN 'E' WHEN 'release' THEN 'X' ELSE 'R' END, money4(amount), strftime(day_of(day), '%Y%m%d'), document_no
FROM commitment WHERE NOT in_cloud AND utc_of(day, 1500, 'America/New_York') <= getvariable('until') ORDER BY 1, 2, 3
-- section: site__gl_posting
SELECT company, journal_no, line_no, acct_unit(room_no), account, money4(amount), strftime(day_of(day), '%Y%m%d'), fiscal_year(day_of(day)), fiscal_period(day_of(day)), system
FROM gl_line WHERE NOT in_cloud AND utc_of(day, 1500, 'America/New_York') <= getvariable('until') ORDER BY 1, 2, 3
