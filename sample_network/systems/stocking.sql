-- Par levels and formulary of hospitals, a list a week in the dialect of its system. Columns as in finance_files.sql.
WITH listed AS (
    SELECT s.*, CAST(d.day AS INTEGER) AS day, f.dock_id AS place_id, f.source, f.dialect, utc_of(d.day, 1500, f.zone) AS available, strftime(day_of(d.day), '%Y%m%d') AS ymd
    FROM stocking AS s
    JOIN range(0, CAST(getvariable('horizon') AS INTEGER), 7) AS d (day) ON CASE WHEN d.day >= s.revised_day THEN s.is_new ELSE NOT s.is_new END
    JOIN here AS f USING (facility_no)
)

SELECT source AS folder, 'stocking' AS feed,
    CASE dialect WHEN 'inventory' THEN concat('par_levels_', ymd, '.csv') WHEN 'stockroom' THEN concat('PAR_', ymd, '.txt') ELSE concat('parlevel-pars-', ymd, '.tsv') END AS file,
    available, '' AS ord, item_no AS sub_ord,
    CASE dialect
        WHEN 'inventory' THEN concat_ws(',', local_id, place_id, par_qty, rop_qty, max_qty, review_days, formulary)
        WHEN 'stockroom' THEN concat_ws(';', local_id, place_id, concat(par_qty, ',00'), concat(rop_qty, ',00'), concat(max_qty, ',00'), review_days, upper(left(formulary, 1)))
        ELSE concat_ws(chr(9), local_id, place_id, thousands(par_qty), thousands(rop_qty), thousands(max_qty), review_days,
            CASE formulary WHEN 'formulary' THEN 'yes' WHEN 'restricted' THEN 'restricted' ELSE 'no' END) END AS text
FROM listed
