"""A local commercetools: the HTTP API over a `Shop`, with the answers, refusals and delays of the real one.

`CommercetoolsDouble.handle` is the only door, over HTTP and over memory alike. Facts: commercetools fact sheet §1
(errors, versions), §2.6 (queries), §3.5 (order updates), §4 (inventory), §6 (channels, custom objects). Unknown query
parameters are ignored, as they are there.
"""

from __future__ import annotations

import json
import random
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from adapters.sandbox import shapes
from adapters.sandbox.aftercare import Aftercare
from adapters.sandbox.announcements import HEALTH_STATUS, Lag
from adapters.sandbox.catalogue import ITEMS, Item
from adapters.sandbox.entry_actions import apply_entry_action, drafted_entry
from adapters.sandbox.expansion import expanded
from adapters.sandbox.faults import DropConnectionError, Fault, FaultKind, Faults
from adapters.sandbox.oauth import TokenDesk, allowed
from adapters.sandbox.orders import Wire
from adapters.sandbox.paging import page, page_of_many
from adapters.sandbox.predicates import Shape
from adapters.sandbox.product_book import BookView
from adapters.sandbox.product_view import as_shown, projected
from adapters.sandbox.refusals import (
    Refusal,
    conflict,
    error_body,
    invalid_input,
    invalid_json,
    not_found,
    server_error,
)
from adapters.sandbox.shelves import program
from adapters.sandbox.shop import DEFAULT_CHANNELS, ShopClock
from adapters.transport import Request, Response

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_NAME = re.compile(r"[-_~.A-Za-z0-9]+")
_MAX_KEY = 256
_MAX_ACTIONS = 500
_RETRY_AFTER_SECONDS = "1"

_ORDER_READ = ("view_orders", "manage_orders")
_PAYMENT_READ = ("view_payments", "manage_payments")
_CHANNEL_READ = ("view_channels", "manage_channels", "view_products", "manage_products")
_STATE_READ = ("view_states", "manage_states", "view_orders", "manage_orders")
_STOCK_READ = ("view_products", "manage_products")
_PUBLISHED_READ = (*_STOCK_READ, "view_published_products")  # and nothing of what is staged
_TYPE_READ = ("view_product_types", "manage_product_types", "view_products", "manage_products")
_TAX_READ = ("view_tax_categories", "manage_tax_categories", "view_products", "manage_products")
_PRICE_READ = ("view_standalone_prices", "manage_standalone_prices")
_MESSAGE_READ = ("view_messages", "view_orders", "manage_orders")  # by orders' own scope: deprecated, and still so
_OBJECT_READ = ("view_key_value_documents", "manage_key_value_documents")


class LoggedRequest(msgspec.Struct, kw_only=True):
    """One request as it arrived; `status` is None when the connection was cut instead of an answer."""

    at: int
    method: str
    path: str
    query: str
    operation: str = ""
    status: int | None = None
    fault: Fault | None = None
    correlation_id: str = ""


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request, understood: the names in its path, its query, its body, and what its token allows."""

    args: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    body: bytes | None
    scopes: frozenset[str]

    def all(self, name: str) -> list[str]:
        """Return every value of a query parameter."""
        return [value for key, value in self.query if key == name]

    def json(self) -> dict[str, Any]:
        """Read the body as a JSON object. Raises `Refusal`."""
        try:
            decoded = json.loads(self.body or b"", parse_float=Decimal)
        except ValueError as problem:
            raise invalid_json(str(problem)) from problem
        if not isinstance(decoded, dict):
            raise invalid_json("Object expected.")
        return decoded


class _Route(msgspec.Struct, frozen=True):
    method: str
    path: re.Pattern[str]
    operation: str
    scopes: tuple[str, ...]
    serve: Callable[[_Call], tuple[int, object]]


class CommercetoolsDouble(Aftercare):
    """The shop with its HTTP door. See `Shop` for the books, `Aftercare` for what people do to an order."""

    def __init__(
        self,
        *,
        clock: ShopClock,
        project_key: str = "acme",
        client_id: str = "sandbox-client",
        client_secret: str = "sandbox-secret",  # noqa: S107 -- the secret of a double, known to everybody
        faults: Faults | None = None,
        seed: int = 0,
        visibility_lag_seconds: Lag = 0.0,
        decrement_lag_seconds: Lag = (0.0, 10.0),
        token_lifetime_seconds: int = 172_800,
        scopes: Iterable[str] = ("manage_project",),
        items: Iterable[Item] = ITEMS,
        channels: Mapping[str, tuple[str, ...]] = DEFAULT_CHANNELS,
        sync_info_appends: bool = True,
        messages_enabled: bool = True,
        messages_lag_seconds: Lag = 0.0,
        languages: Sequence[str] = ("en-GB",),
        catalog_model: Literal["Classic", "Modular"] = "Classic",
    ) -> None:
        """Open the project. `scopes` are those of the API client, without the project key."""
        self.languages = languages
        self.catalog_model = catalog_model
        super().__init__(
            clock=clock,
            seed=seed,
            visibility_lag_seconds=visibility_lag_seconds,
            decrement_lag_seconds=decrement_lag_seconds,
            items=items,
            channels=channels,
            sync_info_appends=sync_info_appends,
            project_key=project_key,
            messages_enabled=messages_enabled,
            messages_lag_seconds=messages_lag_seconds,
        )
        self.project_key = project_key
        self.faults = faults if faults is not None else Faults(seed=seed)
        self.tokens = TokenDesk(
            now=clock.now,
            project_key=project_key,
            client_id=client_id,
            client_secret=client_secret,
            scopes=scopes,
            lifetime_seconds=token_lifetime_seconds,
            seed=seed,
        )
        self.request_log: list[LoggedRequest] = []
        self._dice = random.Random(f"door/{seed}")
        self._routes = self._all_routes()
        self._health_path = re.compile(f"/{re.escape(project_key)}/subscriptions/(?P<id>[^/]+)/health")

    async def handle(self, request: Request) -> Response:
        """Serve one request.

        Raises:
            DropConnectionError: a fault cuts the connection instead of an answer.
        """
        url = urlsplit(request.url)
        headers = {name.lower(): value for name, value in request.headers.items()}
        entry = LoggedRequest(
            at=self._clock.now(),
            method=request.method.upper(),
            path=url.path,
            query=url.query,
            correlation_id=headers.get("x-correlation-id") or self._correlation_id(),
        )
        self.request_log.append(entry)
        query = _read_query(url.query)
        try:
            if url.path == "/oauth/token":
                response = await self._token(entry, headers, query, request.body)
            elif entry.method == "GET" and (asked := self._health_path.fullmatch(url.path)):
                response = await self._health(entry, unquote(asked["id"]))
            else:
                response = await self._api(entry, headers, query, request.body)
        except Refusal as refusal:
            response = _refused(refusal)
        entry.status = response.status
        return msgspec.structs.replace(response, headers={**response.headers, "x-correlation-id": entry.correlation_id})

    async def _token(
        self, entry: LoggedRequest, headers: Mapping[str, str], query: Sequence[tuple[str, str]], body: bytes | None
    ) -> Response:
        entry.operation = "token"
        if entry.method != "POST":
            raise not_found(f"path '{entry.path}'")
        granted = self.tokens.granted(headers, query, body)
        return await self._obey(entry, lambda: _answer(200, self.tokens.issue(granted)))

    async def _health(self, entry: LoggedRequest, subscription_id: str) -> Response:
        """Answer anybody, by the status alone (fact sheet §2.1)."""
        entry.operation = "subscription_health"
        found = self.news.subscriptions.get(subscription_id)
        if found is None:
            raise not_found(f"ID '{subscription_id}'")
        return await self._obey(entry, lambda: Response(status=HEALTH_STATUS[found.health]))

    # Requests.

    async def _api(
        self, entry: LoggedRequest, headers: Mapping[str, str], query: Sequence[tuple[str, str]], body: bytes | None
    ) -> Response:
        scopes = self.tokens.scopes_of(headers.get("authorization", ""))
        route, args = self._route(entry)
        entry.operation = route.operation
        if not allowed(scopes, route.scopes) or args.pop("project") != self.project_key:
            raise Refusal(403, "insufficient_scope", f"Insufficient scope. One of: {', '.join(route.scopes)}.")
        call = _Call(args=args, query=query, body=body, scopes=scopes)

        def effect() -> Response:
            self.settle()
            try:
                return _answer(*route.serve(call))
            except Refusal as refusal:
                return _refused(refusal)

        return await self._obey(entry, effect)

    def _route(self, entry: LoggedRequest) -> tuple[_Route, dict[str, str]]:
        for route in self._routes:
            match = route.path.fullmatch(entry.path) if route.method == entry.method else None
            if match is not None:
                return route, {name: unquote(value) for name, value in match.groupdict().items()}
        raise not_found(f"path '{entry.path}'")

    async def _obey(self, entry: LoggedRequest, effect: Callable[[], Response]) -> Response:
        """Do what the request asks, or what the fault says instead, before, or after."""
        fault = self.faults.pick(entry.operation)
        entry.fault = fault
        if fault is None:
            return effect()
        match fault.kind:
            case FaultKind.ERROR_BEFORE:
                return _refused(server_error(fault.status))
            case FaultKind.LIMITED:
                return _limited()
            case FaultKind.DROP_BEFORE:
                raise DropConnectionError
            case FaultKind.SLOW:
                await self._clock.sleep(fault.seconds)
                return effect()
        return await self._obey_after(fault, effect())

    async def _obey_after(self, fault: Fault, response: Response) -> Response:
        match fault.kind:
            case FaultKind.ERROR_AFTER:
                return _refused(server_error(fault.status))
            case FaultKind.DROP_AFTER:
                raise DropConnectionError
            case FaultKind.SLOW_ANSWER:
                await self._clock.sleep(fault.seconds)
                return response
        return self._malformed(response)

    def _malformed(self, response: Response) -> Response:
        if self._dice.random() < 0.5:
            page_body = b"<!DOCTYPE html><html><body><h1>Service notice</h1></body></html>"
            return Response(status=response.status, headers={"content-type": "text/html"}, body=page_body)
        return msgspec.structs.replace(response, body=response.body[: len(response.body) // 2])

    def _correlation_id(self) -> str:
        return f"{self.project_key}/{uuid.UUID(int=self._dice.getrandbits(128), version=4)}"

    def _all_routes(self) -> list[_Route]:
        order_write = ("manage_orders",)
        object_write = ("manage_key_value_documents",)
        stock_write = ("manage_products",)
        project_read = ("view_project_settings", "manage_project_settings")
        table: list[tuple[str, str, str, tuple[str, ...], Callable[[_Call], tuple[int, object]]]] = [
            ("GET", "", "project", project_read, self._project),
            ("GET", "/orders", "order_list", _ORDER_READ, self._list_orders),
            ("GET", "/orders/order-number={number}", "order_read", _ORDER_READ, self._order_by_number),
            ("GET", "/orders/{id}", "order_read", _ORDER_READ, self._read_order),
            ("POST", "/orders/{id}", "order_update", order_write, self._update_order),
            ("GET", "/payments", "payment_list", _PAYMENT_READ, self._lister("payments", shapes.PAYMENT)),
            ("GET", "/payments/{id}", "payment_read", _PAYMENT_READ, self._reader("payments")),
            ("GET", "/messages", "message_list", _MESSAGE_READ, self._list_messages),
            ("GET", "/channels", "channel", _CHANNEL_READ, self._lister("channels", shapes.CHANNEL)),
            ("GET", "/channels/key={key}", "channel", _CHANNEL_READ, self._reader("channels")),
            ("GET", "/channels/{id}", "channel", _CHANNEL_READ, self._reader("channels")),
            ("GET", "/states", "state", _STATE_READ, self._lister("states", shapes.STATE)),
            ("GET", "/states/key={key}", "state", _STATE_READ, self._reader("states")),
            ("GET", "/states/{id}", "state", _STATE_READ, self._reader("states")),
            ("GET", "/inventory", "inventory_list", _STOCK_READ, self._lister("inventory", shapes.INVENTORY)),
            ("GET", "/inventory/key={key}", "inventory_read", _STOCK_READ, self._reader("inventory")),
            ("GET", "/inventory/{id}", "inventory_read", _STOCK_READ, self._reader("inventory")),
            ("POST", "/inventory", "inventory_create", stock_write, self._create_inventory),
            ("POST", "/inventory/key={key}", "inventory_update", stock_write, self._update_inventory),
            ("POST", "/inventory/{id}", "inventory_update", stock_write, self._update_inventory),
            ("GET", "/product-projections", "product_list", _PUBLISHED_READ, self._list_projections),
            ("GET", "/products", "product_list", _STOCK_READ, self._list_products),
            ("GET", "/products/key={key}", "product_read", _STOCK_READ, self._read_product),
            ("GET", "/products/{id}", "product_read", _STOCK_READ, self._read_product),
            ("POST", "/products", "product_create", stock_write, self._create_product),
            ("POST", "/products/key={key}", "product_update", stock_write, self._update_product),
            ("POST", "/products/{id}", "product_update", stock_write, self._update_product),
            ("GET", "/product-types", "product_type", _TYPE_READ, self._lister("product_types", shapes.PRODUCT_TYPE)),
            ("GET", "/product-types/key={key}", "product_type", _TYPE_READ, self._reader("product_types")),
            ("GET", "/product-types/{id}", "product_type", _TYPE_READ, self._reader("product_types")),
            ("GET", "/tax-categories", "tax_category", _TAX_READ, self._lister("tax_categories", shapes.TAX_CATEGORY)),
            ("GET", "/tax-categories/key={key}", "tax_category", _TAX_READ, self._reader("tax_categories")),
            ("GET", "/tax-categories/{id}", "tax_category", _TAX_READ, self._reader("tax_categories")),
            ("GET", "/standalone-prices", "price_list", _PRICE_READ, self._lister("prices", shapes.STANDALONE_PRICE)),
            ("POST", "/custom-objects", "custom_object_write", object_write, self._write_object),
            ("GET", "/custom-objects", "custom_object_list", _OBJECT_READ, self._list_objects),
            ("GET", "/custom-objects/{container}", "custom_object_list", _OBJECT_READ, self._list_objects),
            ("GET", "/custom-objects/{container}/{key}", "custom_object_read", _OBJECT_READ, self._read_object),
            ("DELETE", "/custom-objects/{container}/{key}", "custom_object_delete", object_write, self._delete_object),
        ]
        return [_Route(method, _pattern(path), kind, scopes, serve) for method, path, kind, scopes, serve in table]

    # Reading.

    def _project(self, call: _Call) -> tuple[int, object]:
        return 200, {
            "key": self.project_key,
            "name": "Hearth & Trail",
            "version": 7,
            "createdAt": "2025-09-01T08:00:00.000Z",
            "countries": ["GB"],
            "currencies": ["GBP"],
            "languages": list(self.languages),
            "messages": {"enabled": self.news.enabled, "deleteDaysAfterCreation": 15},
            "carts": {"deleteDaysAfterLastModification": 90, "countryTaxRateFallbackEnabled": False},
            "discounts": {"discountCombinationMode": "Stacking"},
            "inventory": {"releaseExpiredReservations": True},
            "productCatalogModel": self.catalog_model,
        }

    def _list_orders(self, call: _Call) -> tuple[int, object]:
        return 200, self._page(call, self.listed_orders(), shapes.ORDER)

    def _list_messages(self, call: _Call) -> tuple[int, object]:
        return 200, self._page(call, self.news.kept_messages(), shapes.MESSAGE)

    def _read_order(self, call: _Call) -> tuple[int, object]:
        return 200, self._expanded(call, self._order(call.args["id"]))

    def _order_by_number(self, call: _Call) -> tuple[int, object]:
        order_id = self.order_id_of(call.args["number"])
        if order_id is None:
            raise not_found(f"order number '{call.args['number']}'")
        return 200, self._expanded(call, self.orders[order_id])

    def _lister(self, book: str, shape: Shape) -> Callable[[_Call], tuple[int, object]]:
        def serve(call: _Call) -> tuple[int, object]:
            return 200, self._page(call, self._book(book).values(), shape)

        return serve

    def _reader(self, book: str) -> Callable[[_Call], tuple[int, object]]:
        def serve(call: _Call) -> tuple[int, object]:
            return 200, self._expanded(call, _find(self._book(book), call.args))

        return serve

    def _book(self, name: str) -> dict[str, Wire]:
        books = {
            "payments": self.payments,
            "channels": self.channels,
            "states": self.states,
            "inventory": self.inventory,
            "product_types": self.product_types,
            "tax_categories": self.tax_categories,
            "prices": self.standalone_prices,
        }
        return books[name]

    def _list_projections(self, call: _Call) -> tuple[int, object]:
        staged = call.all("staged")[-1:] == ["true"]
        if staged and not allowed(call.scopes, _STOCK_READ):
            raise Refusal(403, "insufficient_scope", f"Insufficient scope. One of: {', '.join(_STOCK_READ)}.")
        show = partial(projected, staged=staged, modular=self._is_modular)
        return 200, self._page_of_products(call, show, shapes.PROJECTION)

    def _list_products(self, call: _Call) -> tuple[int, object]:
        return 200, self._page_of_products(call, self._shown_product, shapes.PRODUCT)

    def _page_of_products(self, call: _Call, show: Callable[[Wire], Wire | None], shape: Shape) -> Wire:
        answer = page_of_many(BookView(self.products, show), call.query, shape)
        answer["results"] = [self._expanded(call, document) for document in answer["results"]]
        return answer

    def _read_product(self, call: _Call) -> tuple[int, object]:
        return 200, self._expanded(call, self._shown_product(self._product(call.args)))

    def _product(self, args: Mapping[str, str]) -> Wire:
        product_id = args["id"] if "id" in args else self.product_with("key", args["key"])
        if product_id is None or product_id not in self.products:
            raise not_found(f"ID '{args['id']}'" if "id" in args else f"key '{args['key']}'")
        return self.products[product_id]

    def _shown_product(self, product: Wire) -> Wire:
        return as_shown(product, modular=self._is_modular)

    @property
    def _is_modular(self) -> bool:
        return self.catalog_model == "Modular"

    def _order(self, order_id: str) -> Wire:
        order = self.orders.get(order_id)
        if order is None:
            raise not_found(f"ID '{order_id}'")
        return order

    def _page(self, call: _Call, documents: Iterable[Wire], shape: Shape) -> Wire:
        answer = page(list(documents), call.query, shape)
        answer["results"] = [self._expanded(call, document) for document in answer["results"]]
        return answer

    def _expanded(self, call: _Call, document: Wire) -> Wire:
        def resolve(type_id: str, resource_id: str) -> Wire | None:
            book, scopes = {
                "payment": (self.payments, _PAYMENT_READ),
                "channel": (self.channels, _CHANNEL_READ),
                "state": (self.states, _STATE_READ),
                "product-type": (self.product_types, _TYPE_READ),
                "tax-category": (self.tax_categories, _TAX_READ),
            }.get(type_id, ({}, ()))
            return book.get(resource_id) if allowed(call.scopes, scopes) else None

        return expanded(document, call.all("expand"), resolve)

    # Writing.

    def _update_order(self, call: _Call) -> tuple[int, object]:
        order = self._order(call.args["id"])
        return 200, self._expanded(call, self.update_order(order, _actions(call.json(), order)))

    def _create_inventory(self, call: _Call) -> tuple[int, object]:
        entry = self.create_entry(drafted_entry(call.json(), self), program(self.tokens.client_id))
        return 201, self._expanded(call, entry)

    def _update_inventory(self, call: _Call) -> tuple[int, object]:
        entry = _find(self.inventory, call.args)
        changed = entry
        for action in _actions(call.json(), entry):
            changed = apply_entry_action(changed, action)
        kept = entry if changed == entry else self.write_entry(changed, program(self.tokens.client_id))
        return 200, self._expanded(call, kept)

    def _create_product(self, call: _Call) -> tuple[int, object]:
        product = self.create_product(call.json(), program(self.tokens.client_id))
        return 201, self._expanded(call, self._shown_product(product))

    def _update_product(self, call: _Call) -> tuple[int, object]:
        product = self._product(call.args)
        actions = _actions(call.json(), product)
        changed = self.update_product(product, actions, program(self.tokens.client_id))
        return 200, self._expanded(call, self._shown_product(changed))

    def _list_objects(self, call: _Call) -> tuple[int, object]:
        container = call.args.get("container")
        found = [held for held in self.custom_objects.values() if container in (None, held["container"])]
        return 200, self._page(call, found, shapes.CUSTOM_OBJECT)

    def _read_object(self, call: _Call) -> tuple[int, object]:
        return 200, self._object(call.args)

    def _object(self, args: Mapping[str, str]) -> Wire:
        held = self._held(args["container"], args["key"])
        if held is None:
            raise not_found(f"key '{args['container']}/{args['key']}'")
        return held

    def _held(self, container: object, key: object) -> Wire | None:
        named = (held for held in self.custom_objects.values() if (held["container"], held["key"]) == (container, key))
        return next(named, None)

    def _write_object(self, call: _Call) -> tuple[int, object]:
        draft = call.json()
        container, key = draft.get("container"), draft.get("key")
        _check_name("container", container)
        _check_name("key", key)
        if "value" not in draft:
            raise invalid_json("value: Missing required value")
        version = _version(draft.get("version"), required=False)
        held = self._held(container, key)
        now = self.now_text()
        fields = {"lastModifiedAt": now, "value": _without_nulls(draft["value"])}
        if held is not None:
            _check_version(held, version)
            changed = {**held, **fields, "version": self.next_version(held["version"])}
            self.custom_objects[held["id"]] = changed
            return 200, changed
        object_id = self.new_id()
        if version:  # a version of something that is not there (any more); 0 says "not there yet"
            message = f"The object {container}/{key} of version {version} does not exist."
            raise Refusal(409, "ConcurrentModification", message)
        created = {"id": object_id, "version": 1, "createdAt": now, **fields, "container": container, "key": key}
        self.custom_objects[object_id] = created
        return 201, created

    def _delete_object(self, call: _Call) -> tuple[int, object]:
        held = self._object(call.args)
        sent = call.all("version")
        if sent and not sent[0].isdigit():
            raise invalid_input(f"Malformed parameter: version: '{sent[0]}' is not a number.")
        _check_version(held, int(sent[0]) if sent else None)
        del self.custom_objects[held["id"]]
        return 200, held


@lru_cache(maxsize=256)
def _read_query(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(parse_qsl(text, keep_blank_values=True))


def _pattern(path: str) -> re.Pattern[str]:
    literal = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
    return re.compile(rf"/(?P<project>[^/]+){literal}/?")


def _answer(status: int, document: object) -> Response:
    headers = {"content-type": "application/json; charset=utf-8"}
    return Response(status=status, headers=headers, body=_ENCODER.encode(document))


def _refused(refusal: Refusal) -> Response:
    response = _answer(refusal.status, error_body(refusal))
    if refusal.status != 401:
        return response
    return msgspec.structs.replace(response, headers={**response.headers, "www-authenticate": 'Bearer realm="sandbox"'})


def _limited() -> Response:
    response = _refused(Refusal(429, "OverCapacity", "Too many requests."))
    return msgspec.structs.replace(response, headers={**response.headers, "retry-after": _RETRY_AFTER_SECONDS})


def _find(book: Mapping[str, Wire], args: Mapping[str, str]) -> Wire:
    if "id" in args:
        found = book.get(args["id"])
    else:
        found = next((resource for resource in book.values() if resource.get("key") == args["key"]), None)
    if found is None:
        raise not_found(f"ID '{args['id']}'" if "id" in args else f"key '{args['key']}'")
    return found


def _actions(body: Mapping[str, Any], resource: Wire) -> list[object]:
    """Read an update and check its version. Raises `Refusal`: 400 malformed, 409 another version."""
    version = _version(body.get("version"), required=True)
    actions = body.get("actions")
    if not isinstance(actions, list):
        raise invalid_json("actions: Missing required value")
    if len(actions) > _MAX_ACTIONS:
        raise invalid_input(f"The number of update actions exceeds {_MAX_ACTIONS}.")
    _check_version(resource, version)
    return actions


def _version(value: object, *, required: bool) -> int | None:
    if value is None and not required:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid_json("version: Missing required value" if value is None else "version: Number expected.")
    return value


def _check_version(resource: Wire, version: int | None) -> None:
    if version is not None and version != resource["version"]:
        raise conflict(resource["id"], version, resource["version"])


def _check_name(field: str, value: object) -> None:
    if not isinstance(value, str) or not _NAME.fullmatch(value) or len(value) > _MAX_KEY:
        raise invalid_input(f"Invalid '{field}': 1 to {_MAX_KEY} characters of [-_~.A-Za-z0-9].")


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value
