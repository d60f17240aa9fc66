"""Country names as Cin7 writes them.

commercetools gives ISO 3166 alpha-2 codes; every address in Cin7's documentation carries the English name, and no
source says that a code is taken. So the countries web shops deliver to are named here, and any other code is sent as
it came rather than guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_NAMES = """
AD Andorra|AE United Arab Emirates|AR Argentina|AT Austria|AU Australia|BE Belgium|BG Bulgaria|BH Bahrain|BR Brazil
CA Canada|CH Switzerland|CL Chile|CN China|CO Colombia|CY Cyprus|CZ Czech Republic|DE Germany|DK Denmark|EE Estonia
EG Egypt|ES Spain|FI Finland|FR France|GB United Kingdom|GG Guernsey|GI Gibraltar|GR Greece|HK Hong Kong|HR Croatia
HU Hungary|ID Indonesia|IE Ireland|IL Israel|IM Isle of Man|IN India|IS Iceland|IT Italy|JE Jersey|JP Japan
KR South Korea|KW Kuwait|LI Liechtenstein|LT Lithuania|LU Luxembourg|LV Latvia|MC Monaco|MT Malta|MX Mexico
MY Malaysia|NL Netherlands|NO Norway|NZ New Zealand|OM Oman|PE Peru|PH Philippines|PL Poland|PT Portugal|QA Qatar
RO Romania|RS Serbia|SA Saudi Arabia|SE Sweden|SG Singapore|SI Slovenia|SK Slovakia|SM San Marino|TH Thailand
TR Turkey|TW Taiwan|UA Ukraine|US United States|UY Uruguay|VN Vietnam|ZA South Africa
"""

COUNTRY_NAMES: Mapping[str, str] = MappingProxyType(
    {entry[:2]: entry[3:] for line in _NAMES.split("\n") if line for entry in line.split("|")}
)


def country_name(code: str) -> str:
    """Return the English name of a country, or the code itself where it is not listed."""
    return COUNTRY_NAMES.get(code, code)
