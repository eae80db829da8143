-- The chart of accounts, cost centres and their budgets. A cost centre is a function of its room, a budget of its cost centre.
CREATE OR REPLACE MACRO fiscal_year(d) AS year(d) + CASE WHEN month(d) >= 7 THEN 1 ELSE 0 END;
CREATE OR REPLACE MACRO fiscal_period(d) AS 1 + (month(d) + 5) % 12;
-- Accounting unit of a room, as the legacy ERP writes it: right-justified.
CREATE OR REPLACE MACRO acct_unit(room) AS lpad(CAST(70000 + 100 * room AS VARCHAR), 15, ' ');
-- Weekly exports of finance are made on Tuesday nights.
CREATE OR REPLACE MACRO week_close(d) AS d + (8 - d % 7) % 7;

CREATE OR REPLACE TABLE gl_account AS
SELECT * FROM (VALUES (1010, 'Cash', 'asset'), (1300, 'Supplies inventory', 'asset'), (2010, 'Accounts payable', 'liability'),
    (2110, 'Goods received, not invoiced', 'liability'), (4900, 'Purchase discounts', 'revenue'), (5290, 'Purchase price variance', 'expense'),
    (6410, 'Freight in', 'expense')) AS t (account, name, kind);

CREATE OR REPLACE TABLE cost_centre AS
SELECT 100 + facility_no AS company, room_no, name, facility, code, concat(100 + facility_no, '-', 70000 + 100 * room_no) AS cost_centre
FROM place WHERE room_no > 0 ORDER BY facility_no, room_no;

-- Twelve periods of every fiscal year that the days played touch.
CREATE OR REPLACE TABLE budget AS
SELECT c.company, c.room_no, c.cost_centre, a.account, CAST(y.n AS INTEGER) AS fiscal_year, CAST(p.n AS INTEGER) AS period,
    a.base * (60 + bits(dice('budget', text_key(concat(c.cost_centre, '|', a.account, '|', y.n))), 0, 80)) * (95 + bits(dice('budget', text_key(concat(c.cost_centre, '|', a.account, '|', y.n, '|', p.n))), 0, 11)) AS amount
FROM cost_centre AS c
CROSS JOIN (VALUES (1300, 200000), (6410, 500)) AS a (account, base)
CROSS JOIN range(CAST(fiscal_year(day_of(0)) AS BIGINT), CAST(fiscal_year(day_of(greatest(0, getvariable('horizon') - 1))) AS BIGINT) + 1) AS y (n)
CROSS JOIN range(1, 13) AS p (n)
ORDER BY c.company, c.room_no, a.account, y.n, p.n;
