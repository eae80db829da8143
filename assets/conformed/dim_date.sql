-- Calendar from 2015-01-01 to 2035-12-31 with the network's fiscal periods (calendar months). A fiscal year is named
-- after the calendar year it ends in. Weekdays come from day counts, since engines number them differently.
WITH digit AS (
    SELECT CAST(v.n AS INTEGER) AS n
    FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS v (n)
),

day AS (
    SELECT DATE '2015-01-01' + (CAST(a.n AS INTEGER) * 1000 + CAST(b.n AS INTEGER) * 100 + CAST(c.n AS INTEGER) * 10 + d.n)
        AS calendar_date
    FROM digit AS a
    CROSS JOIN digit AS b
    CROSS JOIN digit AS c
    CROSS JOIN digit AS d
),

setting AS (
    -- One row always; January where the network says nothing.
    SELECT coalesce(max(TRY_CAST(value AS INTEGER)), 1) AS start_month
    FROM ops.meta
    WHERE key = 'fiscal_year_start_month' AND TRY_CAST(value AS INTEGER) BETWEEN 1 AND 12
),

part AS (
    SELECT
        d.calendar_date,
        CAST(EXTRACT(YEAR FROM d.calendar_date) AS INTEGER) AS year,
        CAST(EXTRACT(QUARTER FROM d.calendar_date) AS INTEGER) AS quarter,
        CAST(EXTRACT(MONTH FROM d.calendar_date) AS INTEGER) AS month,
        CAST(EXTRACT(DAY FROM d.calendar_date) AS INTEGER) AS day_of_month,
        CAST(EXTRACT(WEEK FROM d.calendar_date) AS INTEGER) AS iso_week,
        -- 2014-12-29 is a Monday: 1 Monday ... 7 Sunday.
        CAST(date_diff('day', DATE '2014-12-29', d.calendar_date) % 7 + 1 AS INTEGER) AS iso_weekday,
        s.start_month
    FROM day AS d
    CROSS JOIN setting AS s
    WHERE d.calendar_date <= DATE '2035-12-31'
),

fiscal AS (
    SELECT
        *,
        CASE WHEN month >= start_month THEN year ELSE year - 1 END AS start_year,
        (month - start_month + 12) % 12 + 1 AS fiscal_period
    FROM part
)

SELECT
    calendar_date,
    year,
    quarter,
    month,
    day_of_month,
    iso_week,
    iso_weekday,
    iso_weekday > 5 AS is_weekend,
    CASE WHEN start_month = 1 THEN start_year ELSE start_year + 1 END AS fiscal_year,
    CAST((fiscal_period - 1) // 3 + 1 AS INTEGER) AS fiscal_quarter,
    fiscal_period,
    CAST(date_diff('day', make_date(start_year, start_month, 1), calendar_date) // 7 + 1 AS INTEGER) AS fiscal_week,
    make_date(year, month, 1) AS period_start,
    last_day(calendar_date) AS period_end,
    CAST(EXTRACT(DAY FROM last_day(calendar_date)) AS INTEGER) AS days_in_period,
    calendar_date = last_day(calendar_date) AS is_period_end,
    CAST(NULL AS BOOLEAN) AS is_period_closed
FROM fiscal
