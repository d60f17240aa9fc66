"""Customers who do not exist: British names and addresses, numbers and domains reserved for fiction."""

from __future__ import annotations

import random
from collections.abc import Mapping

_FIRST = [
    "Harriet",
    "Callum",
    "Priya",
    "Owen",
    "Fiona",
    "Tomasz",
    "Abigail",
    "Rhys",
    "Niamh",
    "Gareth",
    "Zainab",
    "Edmund",
    "Isla",
    "Marcus",
    "Bronwen",
    "Declan",
    "Amara",
    "Hugh",
    "Saoirse",
    "Patrick",
    "Leila",
    "Duncan",
    "Beatrix",
    "Kwame",
    "Rosalind",
    "Ewan",
    "Chidi",
    "Imogen",
]
_LAST = [
    "Blythe",
    "Okafor",
    "MacLeod",
    "Pritchard",
    "Sandhu",
    "Whitcombe",
    "O'Connell",
    "Nowak",
    "Thistlethwaite",
    "Ahmed",
    "Hargreaves",
    "Penrose",
    "Fairfax",
    "Llewellyn",
    "Dunmore",
    "Ravenscroft",
    "Mbeki",
    "Ashdown",
    "Kilbride",
    "Trevithick",
    "Stirling",
    "Cartwright",
]
_STREETS = [
    "Orchard Lane",
    "Station Road",
    "Mill Street",
    "Priory Gardens",
    "St Mary's Terrace",
    "Old Forge Close",
    "Quayside",
    "Rowan Crescent",
    "Castle View",
    "Brewery Yard",
    "Albion Street",
    "Fern Bank",
    "The Green",
    "Wharf Lane",
]
_TOWNS = (
    ("Hebden Bridge", "HX7 8AL"),
    ("Totnes", "TQ9 5RY"),
    ("Stroud", "GL5 1AE"),
    ("Ludlow", "SY8 1BT"),
    ("Whitby", "YO21 1QL"),
    ("Machynlleth", "SY20 8DT"),
    ("Kendal", "LA9 4QU"),
    ("Saffron Walden", "CB10 1JZ"),
    ("Leeds", "LS1 4DY"),
    ("Bristol", "BS1 5TR"),
    ("Edinburgh", "EH1 1RE"),
    ("Cardiff", "CF10 1EP"),
    ("London", "E8 3PH"),
)


def address(dice: random.Random) -> Mapping[str, str]:
    """Draw a person with an address, in the words of commercetools' Address."""
    first, last = dice.choice(_FIRST), dice.choice(_LAST)
    city, postcode = dice.choice(_TOWNS)
    found = {
        "firstName": first,
        "lastName": last,
        "streetName": dice.choice(_STREETS),
        "streetNumber": str(dice.randint(1, 140)),
        "city": city,
        "postalCode": postcode,
        "country": "GB",
        "phone": f"+44 1632 960{dice.randint(0, 999):03d}",
        "email": f"{first}.{last}@example.org".lower().replace("'", ""),
    }
    if dice.random() < 0.15:
        found["additionalStreetInfo"] = f"Flat {dice.randint(1, 24)}"
    return found
