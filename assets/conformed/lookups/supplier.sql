-- A supplier key of a source: its golden supplier.
SELECT source_system, source_key, supplier_sk
FROM master.xref_supplier
WHERE valid_to IS NULL
