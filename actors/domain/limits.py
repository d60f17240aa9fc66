"""How long the fields of a sale may be (Cin7 fact sheet §2.4, §2.5), and what happens to a longer text.

Two kinds only. *Cut*: free text that nobody acts on, shortened with a visible mark. *Whole*: what a parcel, a look-up
or a reply depends on; too long, it holds the order, since a shortened address is a wrong address (failure story K5).
"""

from __future__ import annotations

from enum import Enum

MARK = "…"


class Field(Enum):
    """A field we send: its name on the wire, the most characters it takes, and whether it may be cut."""

    CUSTOMER_REFERENCE = ("CustomerReference", 256, False)
    EXTERNAL_ID = ("ExternalID", 256, False)
    CONTACT = ("Contact", 512, False)
    PHONE = ("Phone", 50, False)
    EMAIL = ("Email", 256, False)
    ADDRESS_LINE_1 = ("Line1", 256, False)
    ADDRESS_LINE_2 = ("Line2", 256, False)
    CITY = ("City", 256, False)
    STATE = ("State", 256, False)
    POSTCODE = ("Postcode", 20, False)
    COUNTRY = ("Country", 256, False)
    COMPANY = ("Company", 128, True)
    SKU = ("SKU", 50, False)
    NAME = ("Name", 1024, True)
    DESCRIPTION = ("Description", 256, False)
    TAX_RULE = ("TaxRule", 50, False)
    LINE_COMMENT = ("Comment", 256, True)
    CHARGE_COMMENT = ("Comment", 1024, True)
    MEMO = ("Memo", 1024, True)
    NOTE = ("Note", 1024, True)
    SHIPPING_NOTES = ("ShippingNotes", 1024, False)
    ATTRIBUTE = ("AdditionalAttribute", 256, False)
    CARRIER = ("Carrier", 256, False)
    CUSTOMER_NAME = ("Customer.Name", 256, False)
    DISPLAY_NAME = ("DisplayName", 256, True)
    CUSTOMER_CONTACT = ("Contacts.Name", 256, True)

    def __init__(self, wire_name: str, most: int, cuttable: bool) -> None:
        self.wire_name = wire_name
        self.most = most
        self.cuttable = cuttable

    def too_long(self, text: str) -> bool:
        """Tell whether the text would have to be refused: longer than the field takes, and not to be cut."""
        return not self.cuttable and len(text) > self.most

    def fit(self, text: str) -> str:
        """Return the text as it may be sent.

        Raises:
            ValueError: the text is too long for a field that must not be cut (prediction holds such an order first).
        """
        if len(text) <= self.most:
            return text
        if not self.cuttable:
            raise ValueError(f"{self.wire_name} takes {self.most} characters, not {len(text)}")
        return text[: self.most - len(MARK)] + MARK
