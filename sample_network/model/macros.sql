-- Chance and check digits. Chance is a function of (seed, stream, key): no state, no order, any row alone.
-- Everything is whole numbers: money in ten-thousandths of a dollar, rates in parts per million.
-- A key is a whole number below 2^32. It is turned four times: multiplied modulo the largest prime below 2^32, then flipped by bits of
-- the stream's own, which an MD5 of seed and stream gives once per statement. Multiplying is linear modulo the prime and flipping is not,
-- so that four turns leave no trace of the key (tests/sample_network/test_chance.py); no product reaches 2^64, and every step names its
-- number once, because DuckDB pastes a macro's arguments wherever they are named.
CREATE OR REPLACE MACRO turned(x, times, flip) AS xor((x * CAST(times AS UBIGINT)) % CAST(4294967291 AS UBIGINT), flip & CAST(4294967295 AS UBIGINT));
CREATE OR REPLACE MACRO low_word(stream) AS md5_number_lower(concat(getvariable('seed'), '|', stream));
CREATE OR REPLACE MACRO high_word(stream) AS md5_number_upper(concat(getvariable('seed'), '|', stream));
-- Sixty-odd bits; the last product spreads them over the numbers that `bits` cuts out of it.
CREATE OR REPLACE MACRO dice(stream, k) AS turned(turned(turned(turned(CAST(k AS UBIGINT), 1597334677, low_word(stream)), 2109346117, low_word(stream) >> 32),
    1812433253, high_word(stream)), 1103515249, high_word(stream) >> 32) * CAST(3266489917 AS UBIGINT);
CREATE OR REPLACE MACRO bits(h, shift, n) AS CAST((h >> shift) % CAST(n AS UBIGINT) AS BIGINT);
-- Keys: an item at a site (a shelf), on a day; an order (a supplier's, of a site and day); a part of what has a key; a text, by its MD5.
CREATE OR REPLACE MACRO item_key(facility_no, item_no) AS facility_no * 1200 + item_no;
CREATE OR REPLACE MACRO item_day_key(facility_no, item_no, day) AS (facility_no * 1200 + item_no) * 1000 + day;
CREATE OR REPLACE MACRO order_key(facility_no, day, vendor_no) AS (facility_no * 1000 + day) * 100 + vendor_no;
CREATE OR REPLACE MACRO part_key(k, part) AS (CAST(k AS UBIGINT) * CAST(1664525003 AS UBIGINT) + CAST(part AS UBIGINT) * CAST(1013904223 AS UBIGINT)) % CAST(4294967291 AS UBIGINT);
CREATE OR REPLACE MACRO text_key(words) AS md5_number_lower(words) % CAST(4294967291 AS UBIGINT);
CREATE OR REPLACE MACRO pick(words, h, shift) AS words[1 + bits(h, shift, len(words))];

-- GS1 check digit of a number of up to 17 digits: weights 3, 1 from the right (GS1 General Specifications 7.9).
CREATE OR REPLACE MACRO gs1_check(n) AS (10 - (
    3 * (n % 10 + n // 100 % 10 + n // 10000 % 10 + n // 1000000 % 10 + n // 100000000 % 10 + n // 10000000000 % 10
        + n // 1000000000000 % 10 + n // 100000000000000 % 10 + n // 10000000000000000 % 10)
    + n // 10 % 10 + n // 1000 % 10 + n // 100000 % 10 + n // 10000000 % 10 + n // 1000000000 % 10
    + n // 100000000000 % 10 + n // 10000000000000 % 10 + n // 1000000000000000 % 10) % 10) % 10;
CREATE OR REPLACE MACRO gtin14(indicator, company, reference) AS
    lpad(CAST((CAST(indicator AS BIGINT) * 1000000000000 + CAST(company AS BIGINT) * 100000 + reference) * 10
        + gs1_check(CAST(indicator AS BIGINT) * 1000000000000 + CAST(company AS BIGINT) * 100000 + reference) AS VARCHAR), 14, '0');
CREATE OR REPLACE MACRO gln13(company, reference) AS
    lpad(CAST((CAST(company AS BIGINT) * 100000 + reference) * 10
        + gs1_check(CAST(company AS BIGINT) * 100000 + reference) AS VARCHAR), 13, '0');
CREATE OR REPLACE MACRO sscc18(company, serial) AS
    lpad(CAST((CAST(company AS BIGINT) * 1000000000 + serial) * 10
        + gs1_check(CAST(company AS BIGINT) * 1000000000 + serial) AS VARCHAR), 18, '0');
-- The same digits with a check digit that is off by one.
CREATE OR REPLACE MACRO bad_check(digits) AS
    concat(left(digits, -1), CAST((CAST(right(digits, 1) AS INTEGER) + 1) % 10 AS VARCHAR));

CREATE OR REPLACE MACRO day_of(n) AS CAST(getvariable('first_day') AS DATE) + CAST(n AS INTEGER);
-- United States: clocks go forward on the second Sunday of March and back on the first of November.
CREATE OR REPLACE MACRO clocks_forward(d) AS month(d) = 3 AND dayofweek(d) = 0 AND day(d) BETWEEN 8 AND 14;
CREATE OR REPLACE MACRO clocks_back(d) AS month(d) = 11 AND dayofweek(d) = 0 AND day(d) <= 7;
-- UTC time without a zone of a local minute of a day.
CREATE OR REPLACE MACRO utc_of(n, minute, zone) AS
    timezone('UTC', timezone(zone, CAST(day_of(n) AS TIMESTAMP) + to_minutes(CAST(minute AS INTEGER))));
CREATE OR REPLACE MACRO stamp(ts) AS strftime(ts, '%Y-%m-%d %H:%M:%S.%f');
-- Ten-thousandths as text with four decimals; negative numbers too.
CREATE OR REPLACE MACRO money4(n) AS concat(CASE WHEN n < 0 THEN '-' ELSE '' END, abs(n) // 10000, '.', lpad(CAST(abs(n) % 10000 AS VARCHAR), 4, '0'));
CREATE OR REPLACE MACRO dec4(n) AS CAST(money4(n) AS DECIMAL(18, 4));
-- Other names of a company: capitals without its legal form, abbreviated, spelled out.
CREATE OR REPLACE MACRO alias_of(name, form) AS CASE form
    WHEN 0 THEN upper(split_part(name, ',', 1))
    WHEN 1 THEN concat(upper(left(split_part(name, ' ', 1), 4)), ' ', upper(left(split_part(split_part(name, ',', 1), ' ', -1), 3)))
    ELSE concat(split_part(name, ',', 1), CASE split_part(name, ', ', 2) WHEN 'Inc.' THEN ' Incorporated' WHEN 'Ltd.' THEN ' Limited' WHEN 'Corp.' THEN ' Corporation' ELSE ' Company' END) END;
-- Lot number of a maker: four digits drawn, the week, which of its lots.
CREATE OR REPLACE MACRO lot_of(h, batch, seq) AS concat('L', lpad(CAST(bits(h, 0, 10000) AS VARCHAR), 4, '0'), lpad(CAST(batch AS VARCHAR), 3, '0'), seq);
CREATE OR REPLACE MACRO lot_key(item_no, batch, seq) AS (item_no * 1000 + batch) * 4 + seq;
-- A field of a delimited file: quoted where it must be.
CREATE OR REPLACE MACRO field(x, delimiter) AS CASE
    WHEN x IS NULL THEN ''
    WHEN contains(x, delimiter) OR contains(x, '"') OR contains(x, chr(10)) THEN concat('"', replace(x, '"', '""'), '"')
    ELSE x END;
-- Local times as systems write them: with their offset from UTC, or without.
CREATE OR REPLACE MACRO local_time(n, minute) AS CAST(day_of(n) AS TIMESTAMP) + to_minutes(CAST(minute AS INTEGER));
CREATE OR REPLACE MACRO local_text(n, minute, form) AS strftime(local_time(n, minute), form);
CREATE OR REPLACE MACRO offset_hours(n, minute, zone) AS CAST(date_diff('hour', local_time(n, minute), utc_of(n, minute, zone)) AS INTEGER);
CREATE OR REPLACE MACRO iso_offset(n, minute, zone) AS
    concat(strftime(local_time(n, minute), '%Y-%m-%dT%H:%M:%S'), '-', lpad(CAST(offset_hours(n, minute, zone) AS VARCHAR), 2, '0'), ':00');
CREATE OR REPLACE MACRO thousands(n) AS CASE WHEN abs(n) < 1000 THEN CAST(n AS VARCHAR)
    ELSE concat(CAST(n // 1000 AS VARCHAR), ',', lpad(CAST(abs(n) % 1000 AS VARCHAR), 3, '0')) END;
-- Quantities and prices of EDI documents.
CREATE OR REPLACE MACRO qty_text(n) AS CAST(n AS VARCHAR);
-- A price without trailing zeros.
CREATE OR REPLACE MACRO price_text(n) AS CASE WHEN n % 10000 = 0 THEN CAST(n // 10000 AS VARCHAR) ELSE rtrim(money4(n), '0') END;
