-- The sites that are made together: those numbered from variable first_site to last_site.
CREATE OR REPLACE TEMP TABLE here AS
SELECT * FROM site WHERE facility_no BETWEEN getvariable('first_site') AND getvariable('last_site') ORDER BY facility_no;
