-- Keys unique, keys and references present: each query must return no row.
SELECT receipt_no FROM published.fact_receipt_line GROUP BY receipt_no, line_no HAVING count(*) > 1;
SELECT id FROM published.fact_po_line GROUP BY id HAVING count(*) > 1;
SELECT 1 FROM published.fact_receipt_line WHERE receipt_no IS NULL OR line_no IS NULL OR item_sk IS NULL;
SELECT 1 FROM published.fact_po_line WHERE po_no IS NULL OR line_no IS NULL OR item_sk IS NULL;
SELECT 1 FROM published.fact_receipt_line AS f ANTI JOIN item AS i USING (item_sk) WHERE f.item_sk > 0;
SELECT 1 FROM published.fact_po_line AS f ANTI JOIN item AS i USING (item_sk) WHERE f.item_sk > 0;
SELECT 1 FROM published.fact_po_line WHERE unit_price < 0;
SELECT 1 FROM published.fact_receipt_line WHERE unit_price < 0;
SELECT sum(hash(f)) AS content FROM published.fact_receipt_line AS f HAVING content IS NULL;
SELECT sum(hash(f)) AS content FROM published.fact_po_line AS f HAVING content IS NULL;
