-- Suppliers: the parties that a buying document names as one. Tryton has no flag for it; the company itself
-- and its employees are parties too. A party stays a supplier when the last document naming it is deleted.
WITH named AS (
    SELECT party AS party_id, _change_seq FROM staged.purchase_purchase
    UNION ALL
    SELECT invoice_party AS party_id, _change_seq FROM staged.purchase_purchase
    UNION ALL
    SELECT party AS party_id, _change_seq FROM staged.purchase_product_supplier
    UNION ALL
    SELECT supplier AS party_id, _change_seq FROM staged.purchase_requisition_line
    UNION ALL
    SELECT party AS party_id, _change_seq FROM staged.purchase_request
    UNION ALL
    SELECT supplier AS party_id, _change_seq FROM staged.purchase_blanket_agreement
    UNION ALL
    SELECT supplier AS party_id, _change_seq FROM staged.stock_shipment_in
    UNION ALL
    SELECT party AS party_id, _change_seq FROM staged.account_invoice WHERE type = 'in'
    UNION ALL
    SELECT party AS party_id, _change_seq FROM staged.account_invoice_line WHERE invoice_type = 'in'
),

seller AS (
    -- The oldest mention, so that one more order does not make the supplier a changed one.
    SELECT party_id, min(_change_seq) AS named_seq
    FROM named
    WHERE party_id IS NOT NULL
    GROUP BY party_id
),

remit AS (
    SELECT
        party AS party_id,
        min(CASE WHEN invoice AND COALESCE(active, TRUE) AND NOT _is_deleted THEN id END) AS address_id,
        max(_change_seq) AS remit_seq
    FROM staged.party_address
    GROUP BY party
)

SELECT
    CAST(p.id AS VARCHAR) AS source_key,
    p.code AS supplier_no,
    p.name AS legal_name,
    CAST(remit.address_id AS VARCHAR) AS remit_to_id,
    CASE
        WHEN p._is_deleted THEN 'deleted'
        WHEN COALESCE(p.active, TRUE) THEN 'active'
        ELSE 'inactive'
    END AS status,
    p._delivery_id,
    p._source_row_no,
    p._valid_from,
    p._is_deleted AS _is_deleted,
    GREATEST(p._change_seq, seller.named_seq, remit.remit_seq) AS _change_seq
FROM staged.party_party AS p
INNER JOIN seller ON p.id = seller.party_id
LEFT JOIN remit ON p.id = remit.party_id
