"""commercetools query predicates: `lastModifiedAt >= :from and not(syncInfo(channel(id="…")))`.

The text is compiled once into a test of one wire document. What commercetools refuses is refused here: an unknown
field, a variable without a value, a malformed instant (commercetools fact sheet §2.6). Descent into a list asks whether
*some* element fits; a comparison with a missing field is false, except `!=`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

import msgspec

from adapters.sandbox.clues import Clue, Every, Leaf, Some, inside

Document = Mapping[str, object]
Test = Callable[[object], bool]
Literal = str | bool | int | Decimal


class Shape(msgspec.Struct, frozen=True, eq=False):
    """The fields a document may have, and the shape of those one may descend into. `open` allows any name."""

    fields: Mapping[str, Shape | None] = {}
    open: bool = False

    def knows(self, name: str) -> bool:
        """Say whether a query may name this field."""
        return self.open or name in self.fields

    def below(self, name: str) -> Shape:
        """Return the shape of what the field holds; a field nobody described holds anything."""
        return self.fields.get(name) or ANYTHING


ANYTHING = Shape(open=True)

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:\\.|[^"\\])*")|(?P<number>-?\d+(?:\.\d+)?)|(?P<variable>:[a-zA-Z0-9]+)"""
    r"""|`(?P<quoted>[^`]+)`|(?P<word>[A-Za-z][A-Za-z0-9_]*)|(?P<operator><>|!=|<=|>=|=|<|>)|(?P<mark>[(),]))"""
)
_INSTANT_FIELD = re.compile(r"(At|^timestamp|^expectedDelivery|^validFrom|^validUntil)$")
_TELLING = ("=", ">", ">=")
_MISSING = object()


class PredicateError(Exception):
    """The predicate is not one: the text says where."""


class Predicate(msgspec.Struct, frozen=True):
    """A test of one document, and what is known of a document that passes it."""

    holds: Test
    clue: Clue = None


class _Token(msgspec.Struct, frozen=True):
    kind: str
    text: str
    at: int


def compile_predicate(text: str, variables: Mapping[str, Sequence[str]], shape: Shape) -> Predicate:
    """Turn a predicate into a test of one document.

    `variables` are the `var.<name>` parameters, each possibly repeated; `shape` is what may be asked of.

    Raises:
        PredicateError: syntax, an unknown field, or a variable without a value.
    """
    return _Parser(_tokens(text), variables).whole(shape)


def canonical_instant(text: str) -> str:
    """Return the instant as the store writes it (`2026-11-23T10:15:30.123Z`), so that texts compare as instants.

    Raises:
        PredicateError: no ISO-8601 timestamp with a zone.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise PredicateError(f"Invalid date and time '{text}'") from None
    if moment.tzinfo is None:
        raise PredicateError(f"Invalid date and time '{text}': no time zone")
    moment = moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


@lru_cache(maxsize=256)
def _tokens(text: str) -> tuple[_Token, ...]:
    """Read a predicate's words: once, for the same few are asked again and again."""
    found: list[_Token] = []
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None or match.lastgroup is None:
            raise PredicateError(f"Malformed predicate: unexpected '{stripped[position : position + 10].strip()}'")
        found.append(_Token(match.lastgroup, match.group(match.lastgroup), match.start(match.lastgroup)))
        position = match.end()
    if not found:
        raise PredicateError("Malformed predicate: it is empty")
    return tuple(found)


class _Parser:
    """Recursive descent: `or` binds weakest, then `and`, then `not` and a comparison."""

    def __init__(self, tokens: Sequence[_Token], variables: Mapping[str, Sequence[str]]) -> None:
        self._tokens = tokens
        self._next = 0
        self._variables = variables

    def whole(self, shape: Shape) -> Predicate:
        found = self._either(shape)
        if self._next < len(self._tokens):
            raise self._unexpected()
        return found

    def _either(self, shape: Shape) -> Predicate:
        parts = [self._both(shape)]
        while self._take_word("or"):
            parts.append(self._both(shape))
        if len(parts) == 1:
            return parts[0]
        tests = [part.holds for part in parts]
        return Predicate(lambda document: any(test(document) for test in tests), Some(_clues(parts)))

    def _both(self, shape: Shape) -> Predicate:
        parts = [self._one(shape)]
        while self._take_word("and"):
            parts.append(self._one(shape))
        if len(parts) == 1:
            return parts[0]
        tests = [part.holds for part in parts]
        return Predicate(lambda document: all(test(document) for test in tests), Every(_clues(parts)))

    def _one(self, shape: Shape) -> Predicate:
        if self._take_word("not"):
            test = self._one(shape).holds
            return Predicate(lambda document: not test(document))
        if self._take("mark", "("):
            found = self._either(shape)
            self._expect(")")
            return found
        return self._comparison(shape)

    def _comparison(self, shape: Shape) -> Predicate:
        field = self._field(shape)
        if self._take("mark", "("):
            inner = self._either(shape.below(field))
            self._expect(")")
            return Predicate(lambda document: _some(_value(document, field), inner.holds), inside(field, inner.clue))
        if self._take_word("is"):
            return Predicate(self._presence(field))
        if self._take_word("contains"):
            return Predicate(self._contains(field))
        negated = self._take_word("not")
        if self._take_word("in"):
            allowed = frozenset(self._list(field))
            return Predicate(
                lambda document: _any_of(_value(document, field), lambda value: value in allowed) is not negated,
                None if negated else _leaf(field, "=", allowed),
            )
        if negated:
            raise self._unexpected()
        operator = self._peek("operator")
        if operator is None:
            raise self._unexpected()
        self._next += 1
        wanted = self._literal(field)
        return Predicate(_compare(field, operator.text, wanted), _leaf(field, operator.text, (wanted,)))

    def _presence(self, field: str) -> Test:
        negated = self._take_word("not")
        if self._take_word("defined"):
            return lambda document: (_value(document, field) is _MISSING) is negated
        if self._take_word("empty"):
            return lambda document: (_value(document, field) in (_MISSING, [], "")) is not negated
        raise self._unexpected()

    def _contains(self, field: str) -> Test:
        every = self._take_word("all")
        if not every and not self._take_word("any"):
            raise self._unexpected()
        wanted = self._list(field)
        quantifier = all if every else any
        return lambda document: quantifier(item in _as_list(_value(document, field)) for item in wanted)

    def _field(self, shape: Shape) -> str:
        token = self._peek("word") or self._peek("quoted")
        if token is None:
            raise self._unexpected()
        if not shape.knows(token.text):
            raise PredicateError(f"The field '{token.text}' does not exist.")
        self._next += 1
        return token.text

    def _list(self, field: str) -> list[Literal]:
        variable = self._peek("variable")
        if variable is not None:
            self._next += 1
            return [_for_field(field, value) for value in self._values(variable)]
        self._expect("(")
        found: list[Literal] = []
        while True:
            token = self._peek("variable")
            if token is not None:
                self._next += 1
                found.extend(_for_field(field, value) for value in self._values(token))
            else:
                found.append(self._literal(field))
            if not self._take("mark", ","):
                self._expect(")")
                return found

    def _literal(self, field: str) -> Literal:
        token = self._current()
        self._next += 1
        match token.kind:
            case "string":
                return _for_field(field, re.sub(r"\\(.)", r"\1", token.text[1:-1]))
            case "number":
                return Decimal(token.text)
            case "variable":
                return _for_field(field, self._values(token)[0])
            case "word" if token.text in ("true", "false"):
                return token.text == "true"
        self._next -= 1
        raise self._unexpected()

    def _values(self, variable: _Token) -> Sequence[str]:
        values = self._variables.get(variable.text[1:])
        if not values:
            raise PredicateError(f"Missing value for input variable '{variable.text[1:]}'")
        return values

    def _current(self) -> _Token:
        if self._next >= len(self._tokens):
            raise self._unexpected()
        return self._tokens[self._next]

    def _peek(self, kind: str) -> _Token | None:
        if self._next < len(self._tokens) and self._tokens[self._next].kind == kind:
            return self._tokens[self._next]
        return None

    def _take(self, kind: str, text: str) -> bool:
        token = self._peek(kind)
        if token is None or token.text != text:
            return False
        self._next += 1
        return True

    def _take_word(self, word: str) -> bool:
        return self._take("word", word)

    def _expect(self, mark: str) -> None:
        if not self._take("mark", mark):
            raise self._unexpected()

    def _unexpected(self) -> PredicateError:
        if self._next >= len(self._tokens):
            return PredicateError("Malformed predicate: it ends too early")
        token = self._tokens[self._next]
        return PredicateError(f"Malformed predicate: unexpected '{token.text}' at {token.at + 1}")


def _clues(parts: Sequence[Predicate]) -> tuple[Clue, ...]:
    return tuple(part.clue for part in parts)


def _leaf(field: str, operator: str, values: Collection[Literal]) -> Clue:
    """Return what a comparison says; only texts are kept in an order one could look things up in."""
    found = tuple(value for value in values if isinstance(value, str))
    return Leaf(field, operator, found) if operator in _TELLING and len(found) == len(values) else None


def _for_field(field: str, text: str) -> str:
    return canonical_instant(text) if _INSTANT_FIELD.search(field) else text


def _value(document: object, field: str) -> object:
    return document.get(field, _MISSING) if isinstance(document, Mapping) else _MISSING


def _as_list(value: object) -> Sequence[object]:
    if value is _MISSING:
        return ()
    return value if isinstance(value, list) else (value,)


def _some(value: object, test: Test) -> bool:
    return any(test(item) for item in _as_list(value))


def _any_of(value: object, test: Test) -> bool:
    return any(isinstance(item, str | bool | int | Decimal) and test(item) for item in _as_list(value))


def _compare(field: str, operator: str, wanted: Literal) -> Test:
    if operator == "=":
        return lambda document: _any_of(_value(document, field), lambda value: value == wanted)
    if operator in ("!=", "<>"):
        return lambda document: not _any_of(_value(document, field), lambda value: value == wanted)
    return lambda document: _any_of(_value(document, field), lambda value: _ordered(value, operator, wanted))


def _ordered(value: object, operator: str, wanted: Literal) -> bool:
    if isinstance(value, str) and isinstance(wanted, str):
        return _holds((value > wanted) - (value < wanted), operator)
    if isinstance(value, int | Decimal) and isinstance(wanted, int | Decimal):
        return _holds((value > wanted) - (value < wanted), operator)
    return False


def _holds(order: int, operator: str) -> bool:
    match operator:
        case "<":
            return order < 0
        case "<=":
            return order <= 0
        case ">":
            return order > 0
    return order >= 0
