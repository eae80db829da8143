"""X12: purchase orders, acknowledgments, ship notices and invoices as typed rows.

Here: everything about the format. Not here: file discovery (`connectors.files`), value types
(`connectors.typed`). docs/x12.md says what is checked and what becomes of it.
"""

from connectors.x12.connector import X12Connector

__all__ = ["X12Connector"]
