-- A location key of a source: its golden location.
SELECT source_system, source_key, location_sk
FROM master.xref_location
WHERE valid_to IS NULL
