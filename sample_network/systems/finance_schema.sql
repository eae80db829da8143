CREATE TABLE gl_account (
    company INTEGER, account INTEGER, name VARCHAR(40), kind VARCHAR(9), changed_on INTEGER,
    PRIMARY KEY (company, account));
CREATE TABLE cost_centre (
    company INTEGER, acct_unit CHAR(15), name VARCHAR(60), facility VARCHAR(15), location_code VARCHAR(15),
    from_date INTEGER, to_date INTEGER, changed_on INTEGER, PRIMARY KEY (company, acct_unit));
CREATE TABLE budget (
    company INTEGER, acct_unit CHAR(15), account INTEGER, fiscal_year INTEGER, period INTEGER, amount NUMERIC(18, 4),
    PRIMARY KEY (company, acct_unit, account, fiscal_year, period));
CREATE TABLE commitment (
    company INTEGER, po_no CHAR(14), seq INTEGER, acct_unit CHAR(15), account INTEGER, kind CHAR(1),
    amount NUMERIC(18, 4), posting_date INTEGER, document_no VARCHAR(22), PRIMARY KEY (company, po_no, seq));
CREATE TABLE gl_posting (
    company INTEGER, journal_no VARCHAR(12), line_no INTEGER, acct_unit CHAR(15), account INTEGER,
    amount NUMERIC(18, 4), posting_date INTEGER, fiscal_year INTEGER, period INTEGER, system CHAR(2),
    PRIMARY KEY (company, journal_no, line_no));
