-- Figures over facts (relation `fact` with the columns of truth.fact; the scorer asks a store the same).
SELECT 'po_value' AS kpi, sum(amount) AS numerator, count(*) AS denominator FROM fact WHERE table_name = 'fact_po_line' AND source_system = 'legacy_erp'
UNION ALL
SELECT 'receipt_fill', sum(CASE WHEN table_name = 'fact_receipt_line' THEN qty_base END), sum(CASE WHEN table_name = 'fact_po_line' AND source_system = 'legacy_erp' THEN qty_base END) FROM fact
UNION ALL
SELECT 'invoice_value', sum(amount), count(*) FROM fact WHERE table_name = 'fact_invoice_line' AND source_system <> 'edi_hub'
UNION ALL
SELECT 'usage_qty', sum(qty_base), count(*) FROM fact WHERE table_name = 'fact_stock_movement' AND source_system <> 'warehouse'
UNION ALL
SELECT 'stock_on_hand', sum(qty_base), count(*) FROM fact
WHERE table_name = 'fact_stock_snapshot' AND event_date = (SELECT max(event_date) FROM fact WHERE table_name = 'fact_stock_snapshot')
UNION ALL
SELECT 'shipped_to_billed', sum(CASE WHEN table_name = 'fact_invoice_line' AND source_system = 'edi_hub' THEN qty_base END), sum(CASE WHEN table_name = 'fact_asn_line' THEN qty_base END) FROM fact
