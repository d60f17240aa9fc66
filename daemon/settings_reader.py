"""Reads a parsed TOML document into frozen msgspec records and collects every problem on the way.

`msgspec.convert` alone stops at the first error; a person who mends a file wants all of them. So tables are walked
here and msgspec judges the leaves. A field's `Meta(extra={"check": …})` adds a judgement of its own, `"example"` is
what the mend of a required key shows.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, UNSET, Meta, Struct
from msgspec.structs import FieldInfo

Special = Callable[[dict[str, Any]], dict[str, Any]]
"""Reshapes a table whose file form is not its record's form."""


class Problem(NamedTuple):
    """One thing to mend. `key` is dotted (`cin7.reserve`), `secret NAME`, or empty for the file as a whole."""

    key: str
    message: str
    mend: str

    def line(self, source: str) -> str:
        """Return the one line a person reads."""
        where = f"{source}: {self.key}" if self.key else source
        return " ".join(f"{where}: {self.message}; {self.mend}".split())


class SettingsError(Exception):
    """The configuration cannot be used: exit 2. `lines()` is for the person, one line per problem."""

    def __init__(self, problems: Sequence[Problem], *, source: str) -> None:
        self.problems = list(problems)
        self.source = source
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """Return one line per problem: file, key, what is wrong, mend."""
        return [problem.line(self.source) for problem in self.problems]


class _Bad:
    """Stands for a value that could not be read; its problem is noted."""


_BAD = _Bad()
_USER_IN_URL = re.compile(r"://[^/\s\"]*@")
_SECRET_WORDS = re.compile(r"secret|password|token|(application|storage|access|api)_?key", re.IGNORECASE)
_LONGEST_SHOWN = 60


def shown(value: object) -> str:
    """Write a value as the file would, shortened; an address that holds a user or password is not shown."""
    text = toml(value)
    if _USER_IN_URL.search(text):
        return "the value (it holds a user name or password)"
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def toml(value: object) -> str:
    """Write a value as the file would."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case datetime() | date() | time():
            return value.isoformat()
        case list() | tuple():
            return "[" + ", ".join(toml(item) for item in value) + "]"
        case dict():
            pairs = ", ".join(f"{quoted(key)} = {toml(item)}" for key, item in value.items())
            return "{ " + pairs + " }" if pairs else "{}"
        case Struct():
            return toml({key: item for key, item in msgspec.structs.asdict(value).items() if item is not None})
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def quoted(key: str) -> str:
    """Write a key as TOML does: bare where it may be."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


class TableReader:
    """Reads one document. `places` renames paths of records to paths of the file; `special` reshapes tables."""

    def __init__(
        self, root: type[Struct], *, places: Mapping[str, str], special: Mapping[type[Struct], Special]
    ) -> None:
        self._root = root
        self._places = places
        self._special = special
        self.problems: list[Problem] = []

    def read(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the tables that could be read, by name; the problems of the others are in `problems`."""
        fields = {field.name: field for field in msgspec.structs.fields(self._root)}
        self._refuse_unknown(document, fields, "")
        tables: dict[str, Any] = {}
        for name, field in fields.items():
            value = self._value(field.type, document.get(name, {}), name, _example(field))
            if not isinstance(value, _Bad):
                tables[name] = value
        return tables

    def _note(self, path: str, message: str, mend: str) -> _Bad:
        for of_record, of_file in self._places.items():
            if path.startswith(of_record):
                path = of_file + path.removeprefix(of_record)
        self.problems.append(Problem(path, message, mend))
        return _BAD

    def _value(self, annotation: Any, value: Any, path: str, example: Any) -> Any:
        base, metas = _unwrap(annotation)
        if isinstance(base, type) and issubclass(base, Struct):
            return self._table(base, value, path, example)
        if get_origin(base) is dict:
            return self._mapping(get_args(base)[1], value, path)
        if get_origin(base) is tuple:
            return self._items(get_args(base)[0], metas, value, path, example)
        return self._leaf(base, metas, value, path, example)

    def _table(self, kind: type[Struct], value: Any, path: str, example: Any) -> Any:
        if not isinstance(value, dict):
            return self._mismatch(value, "a table", path, example)
        if kind in self._special:
            value = self._special[kind](value)
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        whole = self._refuse_unknown(value, fields, path)
        read: dict[str, Any] = {}
        for name, field in fields.items():
            where = f"{path}.{name}"
            if name in value:
                read[name] = self._value(field.type, value[name], where, _example(field))
            elif field.required:
                read[name] = self._missing(field, where)
        if not whole or any(isinstance(item, _Bad) for item in read.values()):
            return _BAD
        return kind(**read)

    def _missing(self, field: FieldInfo, path: str) -> _Bad:
        example = _example(field)
        mend = f"add it to the table, for example {field.name} = {toml('…' if example is None else example)}"
        return self._note(path, "is required and missing", mend)

    def _refuse_unknown(self, value: Mapping[str, Any], fields: Mapping[str, FieldInfo], path: str) -> bool:
        unknown = [key for key in value if key not in fields]
        for key in unknown:
            where = f"{path}.{quoted(key)}" if path else quoted(key)
            # Its value is not shown: what is not a key may be a secret that strayed.
            self._note(where, "is not a key that tallyd knows", self._suggestion(key, fields, path))
        return not unknown

    def _suggestion(self, key: str, fields: Mapping[str, FieldInfo], path: str) -> str:
        homes = self._homes(key)
        if homes:
            return f"it belongs into [{homes[0]}]" if homes[0] else f"write it as a table of its own, [{key}]"
        if _SECRET_WORDS.search(key):
            return "secrets never stand in this file: give it as a systemd credential or in the environment"
        close = difflib.get_close_matches(key, fields, n=1, cutoff=0.6)
        if close:
            return f"did you mean {close[0]}?"
        return "remove it" if not fields else f"remove it, or use one of {', '.join(fields)}"

    def _homes(self, key: str) -> list[str]:
        """List the tables of the file in which a key would be known."""
        homes = []
        for table in msgspec.structs.fields(self._root):
            kind, _ = _unwrap(table.type)
            if table.name == key:
                homes.append("")
            if any(field.name == key for field in msgspec.structs.fields(kind)):
                homes.append(table.name)
        return homes

    def _mapping(self, inner: Any, value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return self._mismatch(value, "a table", path, None)
        read = {key: self._value(inner, item, f"{path}.{quoted(key)}", None) for key, item in value.items()}
        return _BAD if any(isinstance(item, _Bad) for item in read.values()) else read

    def _items(self, inner: Any, metas: Sequence[Meta], value: Any, path: str, example: Any) -> Any:
        if not isinstance(value, list):
            return self._mismatch(value, "a list", path, example)
        if len(value) < max((meta.min_length or 0 for meta in metas), default=0):
            return self._note(path, "is empty", "name at least one" + _such_as(path, example))
        read = tuple(self._value(inner, item, f"{path}[{index}]", None) for index, item in enumerate(value))
        return _BAD if any(isinstance(item, _Bad) for item in read) else read

    def _leaf(self, base: Any, metas: Sequence[Meta], value: Any, path: str, example: Any) -> Any:
        expected = _expectation(base, metas)
        if isinstance(value, Decimal) and not value.is_finite():
            return self._mismatch(value, expected, path, example)
        annotation = Annotated[(base, *metas)] if metas else base
        try:
            read = msgspec.convert(value, annotation)
        except msgspec.ValidationError:
            return self._mismatch(value, expected, path, example)
        for meta in metas:
            fault = _judge(read, meta)
            if fault is not None:
                message, mend = fault
                such_as = f" {expected}" if example is None else _such_as(path, example).lstrip(",")
                return self._note(path, message, mend or f"write{such_as}")
        return read

    def _mismatch(self, value: Any, expected: str, path: str, example: Any) -> _Bad:
        mend = f"write {expected}" if example is None else "write" + _such_as(path, example).lstrip(",")
        if example is None and expected.startswith("one of"):
            mend = "write one of them"
        return self._note(path, f"{shown(value)} is not {expected}", mend)


def _judge(value: Any, meta: Meta) -> tuple[str, str] | None:
    """Ask a field's own check; (message, mend) when it objects. An empty mend stands for the example."""
    extra = meta.extra or {}
    check = extra.get("check")
    if check is None:
        return None
    fault: tuple[str, str] | None = check(value)
    return fault


def _such_as(path: str, example: Any) -> str:
    if example is None:
        return ""
    return f", for example {path.rsplit('.', 1)[-1]} = {toml(example)}"


def _unwrap(annotation: Any) -> tuple[Any, tuple[Meta, ...]]:
    """Take the optional and the annotations off a type."""
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = (kind for kind in get_args(annotation) if kind is not NoneType)
    if get_origin(annotation) is Annotated:
        base, *metas = get_args(annotation)
        return base, tuple(meta for meta in metas if isinstance(meta, Meta))
    return annotation, ()


def _example(field: FieldInfo) -> Any:
    """Return what a mend may show: the field's own example, else its default."""
    _, metas = _unwrap(field.type)
    for meta in metas:
        if meta.extra and "example" in meta.extra:
            return meta.extra["example"]
    if field.default is not NODEFAULT and field.default is not UNSET:
        return field.default
    return None if field.default_factory is NODEFAULT else field.default_factory()


_PLAIN = {bool: "true or false", str: "text in quotes", int: "a whole number", float: "a number", Decimal: "a number"}


def _expectation(base: Any, metas: Sequence[Meta]) -> str:
    if get_origin(base) is Literal:
        return "one of " + ", ".join(toml(choice) for choice in get_args(base))
    least = next((meta.ge for meta in metas if meta.ge is not None), None)
    most = next((meta.le for meta in metas if meta.le is not None), None)
    plain = _PLAIN.get(base, "a value of this kind")
    if least is not None and most is not None:
        return f"{plain} from {toml(least)} to {toml(most)}"
    return f"{plain} of {toml(least)} or more" if least is not None else plain
