"""The procurement suite, the GS1 data pool and the cloud ERP: comma-separated extracts.

Here: layouts. Not here: the rows (`suites.sql`).
"""

from __future__ import annotations

from sample_network.systems.drop import Drop, Layout, sections

_CATALOGUE = (
    "catalogue_id,description,gtin,network_item_no,supplier_id,supplier_part_no,uom,pack_qty,list_price,currency,"
    "lead_time_days"
)
_INVOICE = (
    "SUPPLIER_ID,INVOICE_NUM,LINE_NUMBER,PO_NUMBER,PO_LINE_NUM,INVENTORY_ITEM_ID,QUANTITY_INVOICED,UOM_CODE,CONVERSION_RATE,"
    "UNIT_PRICE,AMOUNT,CURRENCY_CODE,INVOICE_DATE,DUE_DATE,APPROVAL_STATUS,CREATION_DATE,BUSINESS_UNIT"
)
_TRADE_ITEM = (
    "gtin,information_provider_gln,unit_descriptor,base_units,child_gtin,description,brand_owner,part_no,unspsc,ndc,"
    "effective_date,end_date"
)
PROCUREMENT = (
    Layout("supplier", "suppliers_{day}.csv", "supplier_id,supplier_name,duns,status"),
    Layout("catalogue", "catalogue_{day}.csv", _CATALOGUE),
)
DATA_POOL = (Layout("catalogue", "trade_items_{day}.csv", _TRADE_ITEM, section="trade_item"),)
CLOUD_MASTERS = (
    Layout("supplier", "SUPPLIERS_{day}.csv", "SUPPLIER_ID,LEGACY_VENDOR,DUNS_NUMBER,STATUS", section="cloud_supplier"),
    Layout("item", "ITEMS_{day}.csv", "INVENTORY_ITEM_ID,ITEM_NUMBER", section="cloud_item"),
)
CLOUD_INVOICES = (Layout("invoice_line", "AP_INVOICES_{code}_{day}.csv", _INVOICE, section="cloud_invoice"),)


def write_suite(drop: Drop, layouts: tuple[Layout, ...]) -> None:
    """The files of those layouts, and the truth about them."""
    texts = sections("suites.sql")
    drop.emit([(layout, texts[layout.statement]) for layout in layouts])
