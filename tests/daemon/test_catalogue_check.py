"""What `check` asks commercetools of the catalogue: its model, the products, and whatever the mappings name."""

from __future__ import annotations

import msgspec
import pytest

from actors.domain import drafting
from actors.domain.drafting import WRITABLE
from actors.domain.listing import AttributeDefinition
from adapters.transport import Request, Response
from daemon.asking import Level, Line
from tests.both_sides import Both, Wire

NAMED = """
[catalogue]
create_drafts = true
product_type = "main"
tax_category = "standard"
[mappings.product_types]
"Shirts" = "apparel"
[mappings.tax_categories]
"20% (VAT on Income)" = "vat-20"
[mappings.attributes]
"Brand" = "brand"
"Size" = "size"
"""


def shop_with(both: Both) -> None:
    """Everything the file names."""
    both.text += NAMED
    both.shop.add_product_type("main", [{"name": "brand", "type": {"name": "text"}}])
    both.shop.add_product_type("apparel", [{"name": "size", "type": {"name": "text"}}])
    for key in ("standard", "vat-20"):
        both.shop.add_tax_category(key)


async def told(both: Both) -> list[str]:
    """The findings; a finding says how to mend it."""
    _, lines = await both.check()
    found = [line for line in lines if line.level is Level.FINDING]
    assert all(line.mend for line in found)
    return [f"{line.about}: {line.text}" for line in found]


def asked(both: Both, path: str) -> int:
    return sum(path in request.url for request in both.ct_wire.sent)


async def test_what_is_all_there_is_no_finding() -> None:
    both = Both()
    shop_with(both)
    assert await told(both) == []
    assert (asked(both, "/product-types/"), asked(both, "/tax-categories/")) == (2, 2)


async def test_products_are_read_and_nothing_more_where_nothing_is_named() -> None:
    both = Both()
    _, lines = await both.check()
    assert Line(level=Level.OK, about="commercetools", text="products can be read") in lines
    assert (asked(both, "/product-projections"), asked(both, "/product-types")) == (1, 0)


WRONG = [
    ('product_type = "main"', 'product_type = "gone"', "no product type with the key 'gone'"),
    ('"Shirts" = "apparel"', '"Shirts" = "gone"', "no product type with the key 'gone'"),
    ('tax_category = "standard"', 'tax_category = "gone"', "no tax category with the key 'gone'"),
    ('= "vat-20"', '= "gone"', "no tax category with the key 'gone'"),
    (
        '"Brand" = "brand"',
        '"Brand" = "maker"',
        "\"Brand\" names 'maker', which none of the product types apparel, main",
    ),
]


@pytest.mark.parametrize(("good", "wrong", "words"), WRONG)
async def test_what_is_named_and_not_there_is_found(good: str, wrong: str, words: str) -> None:
    both = Both()
    shop_with(both)
    both.text = both.text.replace(good, wrong, 1)
    found = await told(both)
    assert found[0].startswith("commercetools: draft_mapping_wrong")
    assert any(words in one for one in found)


async def test_an_attribute_no_text_fits_is_found() -> None:
    both = Both()
    shop_with(both)
    both.shop.add_product_type("main", [{"name": "brand", "type": {"name": "money"}}])
    [found] = await told(both)
    assert "'brand', which is of type money" in found


async def test_where_no_type_could_be_read_attributes_are_not_judged() -> None:
    both = Both()
    shop_with(both)
    both.text = both.text.replace('product_type = "main"', 'product_type = "x"').replace('= "apparel"', '= "y"')
    assert len(await told(both)) == 2


async def test_the_modular_model_is_found_and_nothing_else_asked() -> None:
    both = Both()
    shop_with(both)
    both.shop.catalog_model = "Modular"
    [found] = await told(both)
    assert "catalogue_modular" in found
    assert asked(both, "/product") == 0


async def test_without_a_catalogue_nothing_is_asked() -> None:
    both = Both()
    both.text += "[catalogue]\nenabled = false\n"
    both.shop.catalog_model = "Modular"
    assert await told(both) == []
    assert asked(both, "/product") == 0


SCOPED = [
    ("live", "unpublish_unmatched = true", True),
    ("live", 'create_drafts = true\nproduct_type = "main"', True),
    ("live", "unpublish_unmatched = false", False),
    ("shadow", "unpublish_unmatched = true", False),
]


class Narrow(Wire):
    """Says that the API client may read products and not write them."""

    async def send(self, request: Request) -> Response:
        response = await super().send(request)
        if "/oauth/token" not in request.url:
            return response
        answer = msgspec.json.decode(response.body) | {"scope": "view_products:sandbox manage_orders:sandbox"}
        return msgspec.structs.replace(response, body=msgspec.json.encode(answer))


@pytest.mark.parametrize(("mode", "switch", "needed"), SCOPED)
async def test_writing_needs_its_scope(mode: str, switch: str, needed: bool) -> None:
    both = Both()
    both.shop.add_product_type("main")
    both.text = both.text.replace("[connection]", f'[connection]\nmode = "{mode}"', 1) + f"[catalogue]\n{switch}\n"
    both.ct_wire = Narrow(both.shop, both.clock)
    found = await told(both)
    assert any("make drafts and unpublish products" in one for one in found) is needed


def test_what_can_be_written_is_what_the_rules_write() -> None:
    kinds = (*WRITABLE, "money", "time", "datetime", "reference", "nested", "something new")
    texts = ("1", "true", "2026-11-26")

    def writes(kind: str) -> bool:
        attribute = AttributeDefinition(name="a", kind=kind, values=("1",))
        return any(drafting._value(text, attribute, "en") is not None for text in texts)

    assert {kind for kind in kinds if writes(kind)} == WRITABLE
