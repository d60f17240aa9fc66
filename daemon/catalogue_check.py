"""What of the catalogue only commercetools can tell before the daemon is started: its model, and what mappings name."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Any

from actors.domain.drafting import is_writable
from actors.domain.listing import MODULAR, PRODUCT_LEVEL, AttributeDefinition, ProductType
from daemon.asking import Asking, Level

WRITING = (frozenset({"manage_products"}), "make drafts and unpublish products")
"""What `[catalogue]` needs in live mode where either is switched on (commercetools fact sheet §1.2)."""


class CatalogueCheck(Asking):
    """Asks commercetools about products, and what they are made from."""

    async def _catalogue(self, model: str | None) -> None:
        """Judge the project's catalogue model, the right to read products, and every key and attribute named."""
        if not self._settings.catalogue.enabled:
            return
        if model == MODULAR:
            text = "the project uses the Modular product catalogue: nothing is matched, drafted or unpublished"
            self._find("catalogue_modular", text, about="commercetools")
            return
        page = self._shop.listings(staged=True, after_id="", limit=1)
        if await self._ask("commercetools", "the products", page) is None:
            return
        self._say(Level.OK, "commercetools", "products can be read")
        types = await self._product_types()
        await self._tax_categories()
        self._attributes(types)

    async def _product_types(self) -> list[ProductType]:
        """Read each product type that drafts may be of; one that is not there is a finding."""
        chosen, mapped = self._settings.catalogue, self._settings.mappings.product_types
        found = []
        for key in _named(chosen.product_type, mapped.values()):
            known = await self._answer(f"the product type {key}", self._shop.product_type(key))
            if known == [None]:
                self._missing(f"there is no product type with the key {key!r}")
            found += [one for one in known if one is not None]
        return found

    async def _tax_categories(self) -> None:
        chosen, mapped = self._settings.catalogue, self._settings.mappings.tax_categories
        for key in _named(chosen.tax_category, mapped.values()):
            if await self._answer(f"the tax category {key}", self._shop.has_tax_category(key)) == [False]:
                self._missing(f"there is no tax category with the key {key!r}")

    def _attributes(self, types: list[ProductType]) -> None:
        """Judge the attributes by the types that were read: each may be meant for one of them alone."""
        if not types:
            return
        defined: dict[str, list[AttributeDefinition]] = {}
        for kind in types:
            for attribute in kind.attributes:
                defined.setdefault(attribute.name, []).append(attribute)
        for field, name in sorted(self._settings.mappings.attributes.items()):
            where = f'[mappings.attributes] "{field}" names {name!r}'
            if name not in defined:
                self._missing(f"{where}, which none of the product types {_keys(types)} has")
            elif not any(is_writable(one) for one in defined[name]):
                self._missing(f"{where}, {_unwritable(defined[name][0])}")

    async def _answer(self, what: str, question: Awaitable[Any]) -> list[Any]:
        """Ask; return the answer, which may be None, or nothing where there was none."""
        answers: list[Any] = []

        async def asked() -> bool:
            answers.append(await question)
            return True

        await self._ask("commercetools", what, asked())
        return answers

    def _missing(self, text: str) -> None:
        self._find("draft_mapping_wrong", text, about="commercetools")


def _unwritable(attribute: AttributeDefinition) -> str:
    if attribute.level == PRODUCT_LEVEL:
        return "which is an attribute of the product as a whole: tallyd writes those of variants"
    return f"which is of type {attribute.kind}: no text can be written to it"


def _named(default: str | None, mapped: Iterable[str]) -> list[str]:
    return sorted({*mapped, *((default,) if default else ())})


def _keys(types: list[ProductType]) -> str:
    return ", ".join(kind.key for kind in types)
