-- Figures that only the world knows so far: no published table has them yet.
INSERT INTO truth.kpi
SELECT 'stock_out_rate', count(*) FILTER (WHERE on_hand_qty <= 0), count(*), 0, max(day) FROM truth.stock;
INSERT INTO truth.kpi
SELECT 'unmet_need', sum(u), NULL, 0, d FROM (SELECT facility, item_id, max(unmet_qty) AS u, max(day) AS d FROM truth.stock GROUP BY facility, item_id) GROUP BY d ORDER BY d DESC LIMIT 1;
INSERT INTO truth.kpi
SELECT 'first_pass_match', count(*) FILTER (WHERE result = 'matched'), count(*), 0, NULL FROM truth.invoice_match WHERE kind = 'invoice';
INSERT INTO truth.kpi
SELECT 'price_variance', sum(price_variance), count(*) FILTER (WHERE result = 'price'), 0, NULL FROM truth.invoice_match;
