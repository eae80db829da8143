-- What is refused now. A waiver of the reject itself, or of the guard that refused the delivery, still holds.
INSERT INTO ops.rejected_record BY NAME
WITH waiver AS (
    SELECT w.reject_id, w.rule_id, arg_max(w.who, w.ts) AS who, arg_max(w.reason, w.ts) AS reason
    FROM temp.waivers AS w
    GROUP BY w.reject_id, w.rule_id
)

SELECT
    n.reject_id,
    $delivery_id AS delivery_id,
    $feed AS feed,
    $source_system AS source_system,
    n.record,
    n.row_no,
    n.location,
    n.byte_offset,
    n.column_name,
    n.rule_id,
    n.reason,
    n.severity,
    n.raw,
    n.row_count,
    CASE WHEN w.who IS NULL THEN 'open' ELSE 'waived' END AS state,
    w.who AS waived_by,
    w.reason AS waived_reason,
    CAST(NULL AS VARCHAR) AS replay_delivery_id,
    coalesce(e.recorded_ts, CAST($now AS TIMESTAMPTZ)) AS recorded_ts,
    CAST($change_seq AS BIGINT) AS change_seq
FROM temp.numbered AS n
LEFT JOIN temp.earlier AS e ON n.reject_id = e.reject_id
LEFT JOIN waiver AS w ON w.reject_id = n.reject_id OR (w.reject_id IS NULL AND w.rule_id = n.rule_id AND n.row_no = 0)
