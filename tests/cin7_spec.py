"""Judging requests and answers by Cin7's own documents.

The authority is the API Blueprint: its tables give every field's name, type, length and whether it is required, its
headings the methods, its parameter lists the filters. The partial OpenAPI of 2025 is asked as well, for the schemas it
has. Both lie beside the project; without them `available()` is False and tests skip.

The Blueprint contradicts itself here and there. Where its own samples (or live measurements) disagree with a table,
the correction stands in one of the tables below, with its reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import yaml

SPECS = Path(__file__).resolve().parent.parent.parent / "shared" / "reference" / "specs"
BLUEPRINT = SPECS / "cin7-core-v2.2026-04.apib"
OPENAPI = SPECS / "cin7-core-v2.partial-2025-03.openapi.yaml"
SKIP_REASON = f"Cin7's official documents are not in {SPECS}"

_BASE = "/externalapi/v2"
_LIMIT = "You have reached 60 calls per 60 seconds API limit."


class Field(msgspec.Struct, frozen=True):
    """One row of a table. `kind` is guid, string, bool, number, int, date, model, any; `model` an anchor."""

    name: str
    kind: str
    length: int | None = None
    places: int | None = None
    required: bool = False
    conditional: bool = False
    many: bool = False
    model: str = ""


Table = dict[str, Field]


class Parameter(msgspec.Struct, frozen=True):
    """A documented query parameter."""

    name: str
    kind: str
    required: bool


class Blueprint(msgspec.Struct, frozen=True):
    """The parsed document: tables by heading and by anchor, parameters by (method, path in lower case)."""

    tables: dict[str, Table]
    models: dict[str, Table]
    operations: dict[tuple[str, str], dict[str, Parameter]]


# The table says one thing, the Blueprint's own sample answer another; the sample is what a client meets.
_RETYPED = {
    ("available fields for sale list", "Customer"): "string",  # table: Date, for the customer's name
    ("available fields for sale credit note list", "Customer"): "string",  # the same slip
    ("available fields for chart of accounts", "ForPayments"): "bool",  # table: String, "Account status"
    ("available fields for rounding table model", "AdjustmentValue"): "number",  # table: String
    ("available fields for customer", "TaxNumber"): "string",  # table: Int, samples ""
    ("available fields for customer", "Discount"): "number",  # table: Int; a percent
    ("available fields for customer", "CreditLimit"): "number",  # table: Int
    ("available fields for location", "Bins"): "any",  # table: Array
    ("available fields for purchase list", "Supplier"): "string",  # table: Date, for the supplier's name
    ("purchase credit note model", "Unstock"): "any",  # table: lines; the sample has {Status, Lines}
    ("tax component model", "Percent"): "any",  # table: Decimal; a string in samples
}
# One heading over two tables: the resource tells them apart.
_TWICE = {"available fields for purchase"}
# The tables have one of it, every sample an array.
_MANY_IN_SAMPLES = {
    ("available fields for purchase /purchase", "InventoryMovements"),
    ("available fields for purchase /advanced-purchase", "InventoryMovements"),
}
_ONLY_IN_SAMPLES: dict[str, dict[str, str]] = {
    "available fields for purchase /purchase": {"OrderDate": "date"},
    "advanced purchase stock model": {"InvoicingAndReceivingNumber": "int"},
    "advanced purchase stock line model": {"CardID": "guid"},
    "advanced purchase put away model": {"InvoicingAndReceivingNumber": "int"},
    "advanced purchase manual journal model": {"InvoicingAndReceivingNumber": "int"},
    "advanced purchase credit note model": {"CreditNoteInvoiceNumber": "string"},
    # CurrencyRate is in no table and no sample, and measured live (fact sheet §7.5).
    "advanced purchase invoice model": {"InvoicingAndReceivingNumber": "int", "CurrencyRate": "number"},
    "purchase invoice model": {"CurrencyRate": "number"},
    "available fields for location": {"IsDeprecated": "bool", "ParentName": "string"},
    "available fields for product": {"CreatedDate": "date"},
    "available fields for sale credit note list": {"RestockStatus": "string"},
    "sale order line model": {"Backorder": "bool"},
    "sale credit note invoice partial model": {
        "CreditNoteInvoiceNumber": "string",
        "CreditNoteBalance": "number",
        "Payments": "any",
    },
    "supplier/customer contact model": {"JobTitle": "string"},
    # Said in prose: "POST method can accept AutoPickPackShipMode"; "set parameter ServiceOnly = true".
    "available fields for sale order": {"AutoPickPackShipMode": "string"},
    "sale post/put attributes": {"ServiceOnly": "bool"},
    "available fields for sale fulfilment pick": {"AutoPickMode": "string"},
}
# Marked required, and missing from every official sample, or null in one.
_NEVER_SENT = {
    ("available fields for sale order", "CombineAdditionalCharges"),
    ("available fields for sale credit note list", "CombinedTrackingNumbers"),
}
# "Not required for POST" in the notes, "Ignored by POST", "Required for PUT".
_NOT_IN_REQUESTS: dict[tuple[str, str], set[str]] = {
    ("POST", "/sale"): {"ID"},
    ("POST", "/sale/order"): {"TotalBeforeTax", "Tax", "Total"},
    ("POST", "/customer"): {"ID"},
    # PUT: "It is allowed to not provide some attributes"; ID of a payment is "Available for PUT", TaskID "for POST".
    ("PUT", "/sale/invoice"): {"CombineAdditionalCharges", "Status", "InvoiceDate", "InvoiceDueDate"},
    ("POST", "/sale/payment"): {"ID"},
    ("PUT", "/sale/payment"): {"TaskID", "Type", "Amount", "DatePaid", "Account", "CurrencyRate"},
}
_NEEDED_IN_REQUESTS: dict[tuple[str, str], tuple[str, ...]] = {("PUT", "/sale"): ("ID",)}
_ONE_OF: dict[str, tuple[tuple[str, ...], ...]] = {
    "sale post/put attributes": (("Customer", "CustomerID"),),
    "#SaleFulfilmentPickPackLineModel": (("Location", "LocationID"),),
}
_BOTH_UNLESS_COMBINED = "#SaleOrderLineModel"  # ProductID and SKU

_PAYMENT = "sale payment line partial model"
_WEBHOOKS = "available fields for webhooks"
_WEBHOOK_TYPES = "available values for webhook type"
_REQUEST_TABLES = {
    ("POST", "/sale"): "sale post/put attributes",
    ("PUT", "/sale"): "sale post/put attributes",
    ("POST", "/sale/order"): "available fields for sale order",
    ("POST", "/sale/fulfilment/pick"): "available fields for sale fulfilment pick",
    ("POST", "/sale/invoice"): "sale invoice post model",
    ("PUT", "/sale/invoice"): "sale invoice post model",
    ("POST", "/sale/payment"): _PAYMENT,
    ("PUT", "/sale/payment"): _PAYMENT,
    ("POST", "/sale/creditnote"): "sale credit note post model",
    ("POST", "/customer"): "available fields for customer",
    ("POST", "/webhooks"): _WEBHOOKS,
    ("PUT", "/webhooks"): _WEBHOOKS,
}
_ANSWERS = {
    "/me": "available fields for me",
    "/sale": "available fields for sale",
    "/sale/order": "available fields for sale order",
    "/sale/fulfilment": "available fields for sale fulfilment",
    "/sale/fulfilment/pick": "available fields for sale fulfilment pick",
    "/sale/fulfilment/pack": "available fields for sale fulfilment pack",
    "/sale/fulfilment/ship": "available fields for sale fulfilment ship",
    "/sale/invoice": "invoice available fields",
    "/sale/payment": _PAYMENT,
    "/sale/creditnote": "credit note available fields",
    "/purchase": "available fields for purchase /purchase",
    "/advanced-purchase": "available fields for purchase /advanced-purchase",
}
_LISTS = {
    "/ref/tax": ("TaxRuleList", "available fields for tax"),
    "/ref/location": ("LocationList", "available fields for location"),
    "/ref/paymentterm": ("PaymentTermList", "available fields for payment term"),
    "/ref/account": ("AccountsList", "available fields for chart of accounts"),
    "/ref/carrier": ("CarrierList", "available fields for carrier"),
    "/customer": ("CustomerList", "available fields for customer"),
    "/product": ("Products", "available fields for product"),
    "/ref/productavailability": ("ProductAvailabilityList", "available fields for product availability"),
    "/productfamily": ("ProductFamilies", "available fields for product family"),
    "/purchaselist": ("PurchaseList", "available fields for purchase list"),
    "/salelist": ("SaleList", "available fields for sale list"),
    "/salecreditnotelist": ("SaleList", "available fields for sale credit note list"),
    "/webhooks": ("Webhooks", _WEBHOOKS),
}
_UNPAGED = {"/webhooks"}  # the samples show the list and nothing beside it
# Required "if ExternalAuthorizationType is" so.
_CREDENTIALS_OF = {
    "noauth": (),
    "basicauth": ("ExternalUserName", "ExternalPassword"),
    "bearerauth": ("ExternalBearerToken",),
}
_SCHEMAS = {
    "/me": "Me",
    "/ref/tax": "Taxes",
    "/ref/location": "Locations",
    "/ref/paymentterm": "PaymentTerms",
    "/ref/account": "Accounts",
    "/customer": "Customers",
    "/salelist": "SaleList",
    "/sale/order": "SaleOrder",
    "/webhooks": "Webhooks",
}


def available() -> bool:
    """True when the documents are there."""
    return BLUEPRINT.exists() and OPENAPI.exists()


# --- what is asked


def check_request(
    method: str, path: str, query: Mapping[str, str], body: bytes | Mapping[str, Any] | None
) -> list[str]:
    """Say what is wrong with a request; an empty list means nothing.

    `path` is absolute or from the API's base on. Refused are: an undocumented path, method, query parameter or body
    field, a missing required one, a wrong type, a text over its length, a number with too many decimals.
    """
    name = _local(path)
    parameters = blueprint().operations.get((method, name))
    if parameters is None:
        return [f"{method} {path} is not documented"]
    problems = _parameter_problems(parameters, query)
    table = _REQUEST_TABLES.get((method, name))
    if method in ("GET", "DELETE"):
        return problems + (["a body is not documented"] if body else [])
    if table is None:
        return [*problems, f"no table of fields is known for {method} {path}"]
    parsed, unread = _parsed(body)
    if unread or not isinstance(parsed, dict):
        return [*problems, unread or "the body is not one object"]
    context = _Context(
        requests=True,
        absent_allowed=_NOT_IN_REQUESTS.get((method, name), set()),
        combined=parsed.get("CombineAdditionalCharges") is True,
        top=table,
    )
    problems += _object_problems(parsed, table, "", context)
    needed = _NEEDED_IN_REQUESTS.get((method, name), ())
    problems += [f"{field} is required" for field in needed if not parsed.get(field)]
    return problems + (_webhook_problems(parsed, "", new=method == "POST") if name == "/webhooks" else [])


def check_answer(method: str, path: str, status: int, body: bytes) -> list[str]:
    """Say what is wrong with an answer: its fields against the tables and, where there is one, the OpenAPI schema."""
    if status == 403:
        return [] if body == b"Incorrect credentials!" else ["a 403 carries bare text"]
    if body == _LIMIT.encode():
        return [] if status in (429, 503, 400) else [f"a limit answer under {status}"]
    parsed, unread = _parsed(body)
    if unread:
        return [unread]
    if status >= 400:
        return _error_problems(parsed)
    name = _local(path)
    problems = _payment_problems(method, parsed) if name == "/sale/payment" else _table_problems(name, parsed)
    schema = _SCHEMAS.get(name)
    return problems if schema is None else problems + _schema_problems(schema, parsed)


def check_delivery(kind: str, body: bytes) -> list[str]:
    """Say what is wrong with a webhook's body: it has the keys of the Blueprint's sample, and values of their kinds."""
    parsed, unread = _parsed(body)
    if unread:
        return [unread]
    sample = webhook_samples().get(kind)
    return [f"no sample is known for {kind}"] if sample is None else _unlike(parsed, sample, "body")


def _unlike(value: Any, sample: Any, where: str) -> list[str]:
    if isinstance(sample, dict):
        if not isinstance(value, dict):
            return [f"{where} is not an object"]
        problems = [f"{where}.{name} is not in the sample" for name in value if name not in sample]
        problems += [f"{where}.{name} is missing" for name in sample if name not in value]
        both = (name for name in value if name in sample)
        return problems + [one for name in both for one in _unlike(value[name], sample[name], f"{where}.{name}")]
    if isinstance(sample, list):
        if not isinstance(value, list):
            return [f"{where} is not an array"]
        rows = ((place, row) for place, row in enumerate(value) if sample)
        return [one for place, row in rows for one in _unlike(row, sample[0], f"{where}[{place}]")]
    if value is None or sample is None:
        return []
    return [] if _kind_of(value) == _kind_of(sample) else [f"{where} is no {_kind_of(sample)}"]


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if _is_number(value):
        return "number"
    if not isinstance(value, str):
        return type(value).__name__
    forms = {"guid": _TEXT_FORMS["guid"], "day": re.compile(r"\d{4}-\d\d-\d\d"), "date": _TEXT_FORMS["date"]}
    return next((name for name, form in forms.items() if form.fullmatch(value)), "text")


def _local(path: str) -> str:
    lower = path.lower().rstrip("/")
    return lower.removeprefix(_BASE)


def _parsed(body: bytes | Mapping[str, Any] | None) -> tuple[Any, str]:
    try:
        text = json.dumps(body, default=_as_number) if isinstance(body, Mapping) else (body or b"")
        return json.loads(text, parse_float=Decimal), ""
    except ValueError as error:
        return None, f"not JSON: {error}"


def _as_number(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(type(value).__name__)


def _parameter_problems(parameters: dict[str, Parameter], query: Mapping[str, str]) -> list[str]:
    sent = {name.lower(): value for name, value in query.items()}
    problems = [f"query: {name} is not documented" for name in query if name.lower() not in parameters]
    for name, parameter in parameters.items():
        if parameter.required and not sent.get(name):
            problems.append(f"query: {parameter.name} is required")
        elif name in sent and not _TEXT_FORMS[parameter.kind].fullmatch(sent[name]):
            problems.append(f"query: {parameter.name} is no {parameter.kind}")
    return problems


def _error_problems(parsed: Any) -> list[str]:
    entries = parsed if isinstance(parsed, list) else [parsed]
    for entry in entries:
        if not isinstance(entry, dict) or set(entry) != {"ErrorCode", "Exception"}:
            return ["an error is {ErrorCode, Exception}, alone or in an array"]
        if not isinstance(entry["ErrorCode"], int) or not isinstance(entry["Exception"], str):
            return ["ErrorCode is a number, Exception a text"]
    return [] if entries else ["an error array is not empty"]


def _table_problems(name: str, parsed: Any) -> list[str]:
    if isinstance(parsed, list):
        return ["an array where an object is documented"]
    context = _Context(requests=False)
    if name in _ANSWERS:
        return _object_problems(parsed, _ANSWERS[name], "", context)
    if name not in _LISTS:
        return [f"no table of fields is known for {name}"]
    key, table = _LISTS[name]
    counts = () if name in _UNPAGED else ("Total", "Page")
    if not isinstance(parsed, dict) or set(parsed) != {*counts, key}:
        return [f"the envelope is {', '.join((*counts, key))}"]
    problems = [f"{part} is a whole number" for part in counts if type(parsed[part]) is not int]
    if not isinstance(parsed[key], list):
        return [*problems, f"{key} is an array"]
    for place, row in enumerate(parsed[key]):
        where = f"{key}[{place}]."
        problems += _object_problems(row, table, where, context)
        problems += _webhook_problems(row, where, new=False) if table == _WEBHOOKS else []
    return problems


def _payment_problems(method: str, parsed: Any) -> list[str]:
    """A payment by itself; all of them in a bare array; of a deleted one, that it is."""
    if method == "DELETE":
        return [] if parsed == {"Success": True} else ["a deleted payment is a success"]
    if method != "GET":
        return _table_problems("/sale/payment", parsed)
    if not isinstance(parsed, list):
        return ["payments come in an array"]
    return [one for row in parsed for one in _table_problems("/sale/payment", row)]


def _webhook_problems(hook: Any, where: str, *, new: bool) -> list[str]:
    """What the notes of the table say: the values allowed, and what is required under which condition."""
    if not isinstance(hook, dict):
        return []
    problems = [] if new or hook.get("ID") else [f"{where}ID is required"]
    if hook.get("Type") not in table_of(_WEBHOOK_TYPES):
        problems.append(f"{where}Type is no webhook type")
    credentials = _CREDENTIALS_OF.get(hook.get("ExternalAuthorizationType", ""))
    if credentials is None:
        return [*problems, f"{where}ExternalAuthorizationType is none of {', '.join(_CREDENTIALS_OF)}"]
    return problems + [f"{where}{name} is required" for name in credentials if not hook.get(name)]


# --- one object, one value


class _Context(msgspec.Struct, frozen=True, kw_only=True):
    requests: bool
    absent_allowed: set[str] = set()
    combined: bool = False
    top: str = ""


def _object_problems(value: Any, table: str, where: str, context: _Context) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where or 'body'} is not an object"]
    fields = table_of(table)
    extra = _more_fields(fields, context)
    problems = [f"{where}{name} is not documented" for name in value if name not in fields and name not in extra]
    for name, field in fields.items():
        content = value.get(name)
        if content is None:
            if _must_be_there(field, table, context):
                problems.append(f"{where}{name} is required")
            continue
        problems += _value_problems(content, field, f"{where}{name}", context)
    if context.requests:
        problems += _alternative_problems(value, table, where, context)
    return problems


def _more_fields(fields: Table, context: _Context) -> Table:
    """ "All objects that contain field ProductID also contain additional fields": in answers."""
    return table_of("additional fields") if "ProductID" in fields and not context.requests else {}


def _must_be_there(field: Field, table: str, context: _Context) -> bool:
    if not field.required or (table, field.name) in _NEVER_SENT:
        return False
    if context.requests and table == context.top:
        return field.name not in context.absent_allowed
    return True


def _alternative_problems(value: dict[str, Any], table: str, where: str, context: _Context) -> list[str]:
    problems = [
        f"{where}{' or '.join(names)} is required"
        for names in _ONE_OF.get(table, ())
        if not any(value.get(name) or (table == context.top and name in context.absent_allowed) for name in names)
    ]
    if table == _BOTH_UNLESS_COMBINED and not context.combined:
        problems += [f"{where}{name} is required" for name in ("ProductID", "SKU") if not value.get(name)]
    return problems


def _value_problems(value: Any, field: Field, where: str, context: _Context) -> list[str]:
    if field.many:
        if not isinstance(value, list):
            return [f"{where} is not an array"]
        single = msgspec.structs.replace(field, many=False)
        parts = (_value_problems(part, single, f"{where}[{place}]", context) for place, part in enumerate(value))
        return [problem for problems in parts for problem in problems]
    if field.kind == "model":
        return _model_problems(value, field, where, context)
    return [f"{where} {problem}" for problem in _scalar_problems(value, field)]


def _model_problems(value: Any, field: Field, where: str, context: _Context) -> list[str]:
    if field.model == "PriceTierModel":  # its one row stands for ten names that people choose
        good = isinstance(value, dict) and all(_is_number(price) for price in value.values())
        return [] if good else [f"{where} is not an object of prices"]
    return _object_problems(value, f"#{field.model}", f"{where}.", context)


def _scalar_problems(value: Any, field: Field) -> list[str]:
    if field.kind == "any":
        return []
    if field.kind == "bool":
        return [] if isinstance(value, bool) else ["is no boolean"]
    if field.kind in ("number", "int"):
        return _number_problems(value, field)
    if not isinstance(value, str):
        return [f"is no {field.kind}"]
    if field.kind == "string":
        too_long = field.length is not None and len(value) > field.length
        return [f"is longer than {field.length}"] if too_long else []
    return [] if _TEXT_FORMS[field.kind].fullmatch(value) else [f"is no {field.kind}"]


def _number_problems(value: Any, field: Field) -> list[str]:
    if not _is_number(value) or (field.kind == "int" and not isinstance(value, int)):
        return [f"is no {field.kind}"]
    exponent = Decimal(value).normalize().as_tuple().exponent
    if field.places is not None and isinstance(exponent, int) and -exponent > field.places:
        return [f"has more than {field.places} decimal places"]
    return []


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


_TEXT_FORMS = {
    "guid": re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "date": re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,7})?Z?)?"),
    "number": re.compile(r"\d+"),
    "bool": re.compile(r"true|false|True|False"),
    "string": re.compile(r".*", re.DOTALL),
}


# --- reading the Blueprint

_HEADING = re.compile(
    r"^#{1,6}\s*(?P<title>.*?)\s*(?:<a name=\"'?(?P<anchor>\w+)\"\s*/?>)?\s*(?:\[(?P<target>[^\]]*)\])?\s*$"
)
_LONE_ANCHOR = re.compile(r"^<a name=\"(?P<anchor>\w+)\"\s*/>\s*$")
_TARGET = re.compile(r"^(?:(?P<method>GET|POST|PUT|DELETE)\b)?\s*(?P<path>/[\w/-]+)?")
_PARAMETER = re.compile(r"^\s+\+ (?P<name>\w+) \((?P<about>[^)]*)\)")
_REFERENCE = re.compile(r"href=\"#(?P<anchor>\w+)\"")
_PLACES = re.compile(r"[Uu]p to (?P<places>\d) decimal places")
_KINDS = {
    "guid": "guid",
    "string": "string",
    "bool": "bool",
    "boolean": "bool",
    "decimal": "number",
    "deciaml": "number",
    "money": "number",
    "int": "int",
    "date": "date",
    "datetime": "date",
    "array": "any",
}


@lru_cache(maxsize=1)
def blueprint() -> Blueprint:
    """Read the document once."""
    return parse(BLUEPRINT.read_text(encoding="utf-8"))


def table_of(name: str) -> Table:
    """Return a table by its heading in lower case, or by `#Anchor`. Raises KeyError."""
    document = blueprint()
    return document.models[name[1:]] if name.startswith("#") else document.tables[name]


def parse(text: str) -> Blueprint:
    """Read tables, models and operations out of a Blueprint."""
    document = Blueprint({}, {}, {})
    title = anchor = resource = above = ""
    parameters: dict[str, Parameter] = {}
    for line in text.splitlines():
        if (lone := _LONE_ANCHOR.match(line)) is not None:
            above = lone["anchor"]
        elif line.startswith("#"):
            found = _HEADING.match(line)
            title, anchor, target = _heading(found)
            anchor, above = anchor or above, ""
            method, path = _target(target)
            resource = path if path and not method else resource
            title = f"{title} {resource}" if title in _TWICE else title
            if method:
                parameters = document.operations.setdefault((method, path or resource), {})
        elif line.startswith("|"):
            _read_row(document, title, anchor, line)
        elif (parameter := _PARAMETER.match(line)) is not None:
            _read_parameter(parameters, parameter["name"], parameter["about"])
    return document


def _heading(found: re.Match[str] | None) -> tuple[str, str, str]:
    if found is None:
        return "", "", ""
    return found["title"].strip().lower(), found["anchor"] or "", found["target"] or ""


def _target(target: str) -> tuple[str, str]:
    found = _TARGET.match(target)
    if found is None:
        return "", ""
    return found["method"] or "", (found["path"] or "").lower().rstrip("/")


def _read_row(document: Blueprint, title: str, anchor: str, line: str) -> None:
    cells = [cell.strip() for cell in line.strip().split("|")[1:]]
    if len(cells) < 2 or not cells[0].startswith("`"):
        return
    for field in _fields(title, cells + [""] * (5 - len(cells))):
        table = document.tables.setdefault(title, _samples_of(title))
        table[field.name] = field
        if anchor:
            document.models[anchor] = table


def _samples_of(title: str) -> Table:
    return {name: Field(name, kind) for name, kind in _ONLY_IN_SAMPLES.get(title, {}).items()}


def _fields(title: str, cells: list[str]) -> list[Field]:
    name = cells[0].strip("` ")
    places = _PLACES.search(" ".join(cells[1:3]))
    reference = _REFERENCE.search(cells[1])
    field = Field(
        name=name,
        kind=_RETYPED.get((title, name), "model" if reference else _kind(cells[1])),
        length=int(cells[2]) or None if cells[2].isdecimal() else None,  # a length of 0 is a slip for none
        places=int(places["places"]) if places else None,
        required=cells[3] == "Yes",
        conditional=cells[3] == "Yes*",
        many=("[]" in cells[1] and (title, name) not in _RETYPED) or (title, name) in _MANY_IN_SAMPLES,
        model=reference["anchor"] if reference else "",
    )
    if name.endswith("#"):  # "# - int(1-10)"
        return [msgspec.structs.replace(field, name=f"{name[:-1]}{number}") for number in range(1, 11)]
    return [field]


def _kind(text: str) -> str:
    word = re.match(r"\w*", text.lower())
    return _KINDS.get(word.group(0) if word else "", "any")


def _read_parameter(parameters: dict[str, Parameter], name: str, about: str) -> None:
    words = {word.strip(" ?").lower() for word in about.split(",")}
    kinds = {"number": "number", "bool": "bool", "boolean": "bool", "guid": "guid", "datetime": "date", "date": "date"}
    kind = next((kinds[word] for word in words if word in kinds), "string")
    parameters[name.lower()] = Parameter(name, kind, "required" in words)


_SAMPLE = re.compile(r"^\+ (?P<kind>\w+/\w+)\s+Response 200", re.MULTILINE)


@lru_cache(maxsize=1)
def webhook_samples() -> dict[str, Any]:
    """Read the sample of each webhook type; its small slips (commas) are mended, one that is no JSON is left out."""
    text = BLUEPRINT.read_text(encoding="utf-8")
    section = text.split("### Webhooks payload examples", 1)[1].split("### GET [GET]", 1)[0]
    parts = _SAMPLE.split(section)[1:]
    samples: dict[str, Any] = {}
    for kind, body in zip(parts[::2], parts[1::2], strict=True):
        mended = re.sub(r",(\s*[,}\]])", r"\1", body.split("(application/json)", 1)[1])
        try:
            samples[kind] = json.loads(mended, parse_float=Decimal)
        except ValueError:
            continue
    return samples


def sale_samples() -> dict[str, Any]:
    """Read what `/sale` answers to each method."""
    return answer_samples("Sale", "/sale")


@lru_cache(maxsize=8)
def answer_samples(title: str, path: str) -> dict[str, Any]:
    """Read what the sample answers of a section are, by method; trailing commas are mended."""
    section = BLUEPRINT.read_text(encoding="utf-8").split(f"## {title} [{path}]", 1)[1].split("\n## ", 1)[0]
    samples: dict[str, Any] = {}
    for operation in re.split(r"^### (?=\w+ ?\[)", section, flags=re.MULTILINE)[1:]:
        answered = operation.split("+ Response 200 (application/json)", 1)[1].split("+ Body", 1)[1]
        mended = re.sub(r",(\s*[,}\]])", r"\1", re.split(r"^[#+]", answered, flags=re.MULTILINE)[0])
        samples[operation.split("[")[0].strip().upper()] = json.loads(mended, parse_float=Decimal)
    return samples


# --- the partial OpenAPI


_CORRECTED: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("TaxComponent", "Percent", {}),  # number; live answers carry a string
    ("PaymentTerm", "Duration", {"type": "integer"}),  # string
    ("Account", "ForPayments", {"type": "boolean"}),  # string
    ("SaleAdditionalCharge", "Comment", {"type": "string"}),  # number
    *(
        (envelope, part, {"type": "integer"})  # string
        for envelope in ("Taxes", "PaymentTerms", "Accounts", "Customers", "Locations", "SaleList")
        for part in ("Total", "Page")
    ),
)


@lru_cache(maxsize=1)
def _schemas() -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load(OPENAPI.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506  # a safe loader either way
    schemas: dict[str, Any] = document["components"]["schemas"]
    # Made by hand, and wrong where the Blueprint's own samples say otherwise.
    schemas["SaleOrder"]["required"].remove("CombineAdditionalCharges")
    for schema, name, corrected in _CORRECTED:
        schemas[schema]["properties"][name] = corrected
    return schemas


@lru_cache(maxsize=32)
def _validator(name: str) -> jsonschema.Draft4Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": _schemas()}}
    return jsonschema.Draft4Validator(schema)


def _schema_problems(name: str, parsed: Any) -> list[str]:
    errors = _validator(name).iter_errors(_without_nulls(parsed))
    return [f"OpenAPI {name}: {'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]


def _without_nulls(value: Any) -> Any:
    """Null and absence are used interchangeably on reads; OpenAPI 3.0 without `nullable` knows absence only."""
    if isinstance(value, dict):
        return {name: _without_nulls(content) for name, content in value.items() if content is not None}
    if isinstance(value, list):
        return [_without_nulls(content) for content in value]
    return value
