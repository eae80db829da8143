-- A contract key of a source: its golden contract.
SELECT source_system, source_key, contract_sk
FROM master.xref_contract
WHERE valid_to IS NULL
