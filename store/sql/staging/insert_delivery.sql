-- supersedes_delivery_id: the delivery before it in sequence order that came under the same name.
INSERT INTO ops.delivery BY NAME
SELECT
    $delivery_id AS delivery_id,
    $feed AS feed,
    $source_system AS source_system,
    $name AS name,
    $names_seen AS names_seen,
    $sha256 AS sha256,
    $bytes AS bytes,
    $kind AS kind,
    $as_of_ts AS as_of_ts,
    $sequence AS sequence,
    $cursor_lo AS cursor_lo,
    $cursor_hi AS cursor_hi,
    $key_range_lo AS key_range_lo,
    $key_range_hi AS key_range_hi,
    $range_checksums AS range_checksums,
    $rows_declared AS rows_declared,
    $rows_read AS rows_read,
    $rows_accepted AS rows_accepted,
    $rows_rejected AS rows_rejected,
    $rows_changed AS rows_changed,
    $rows_deleted AS rows_deleted,
    $control_total_declared AS control_total_declared,
    $control_total_actual AS control_total_actual,
    $landed_ts AS landed_ts,
    $loaded_ts AS loaded_ts,
    (
        SELECT arg_max(d.delivery_id, d.sequence)
        FROM ops.delivery AS d
        WHERE d.feed = $feed AND d.name = $name AND d.sequence < $sequence
    ) AS supersedes_delivery_id,
    $state AS state,
    $reason AS reason,
    CAST($notices AS VARCHAR[]) AS notices,
    $change_seq AS change_seq,
    $contract_version AS contract_version,
    $contract_hash AS contract_hash
