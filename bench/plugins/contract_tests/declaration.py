"""What every plugin declares: a name, docstrings, frozen fields, and ranges that hold their defaults."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from bench.errors import BenchError, one_line
from bench.plugins.annotations import Choice, Float, Int, Range, Scalar, search_ranges
from bench.plugins.by_value import pickled
from bench.plugins.contract_tests.requirements import require
from bench.plugins.contracts import Plugin

AnyPlugin = TypeVar("AnyPlugin", bound=Plugin)

PLAIN_NAME = re.compile(r"[a-z0-9]+([-_.][a-z0-9]+)*")
COMBINATIONS = 10
"""Random draws from a plugin's whole search space."""
NO_RANGES = (tuple, list, set, frozenset, range, dict, str, int, float, type)
"""What is written as an annotation by mistake, for a range: `Annotated[int, (8, 64)]`, `Annotated[int, Choice]`."""
WRITE = "write Choice(8, 16), Int(8, 64) or Float(0.0, 0.5)"


def check_declaration(plugin: type[Plugin], *, options: Mapping[str, Any] | None = None) -> None:
    """Name, docstrings, frozen fields, JSON, and search ranges that hold the default and are accepted in any combination.

    Args:
        plugin: The plugin's class.
        options: Values for fields that have no default.

    Raises:
        AssertionError: It breaks its contract, in one line.
    """
    given = dict(options or {})
    check_name(plugin.name)
    require(bool((plugin.__dict__.get("__doc__") or "").strip()), f"{plugin.__name__} has no docstring")
    for name, field in plugin.model_fields.items():
        _check_field(name, field)
    built = plugin(**given)
    for name, field in plugin.model_fields.items():
        if name not in given and not field.is_required():
            _check_default(plugin, built, name, field, given)
    _check_frozen(built)
    _check_json(built)
    for name, known in search_ranges(plugin).items():
        default = getattr(built, name)
        require(known.contains(default), f"option {name!r}: the default {default!r} is outside the range {known}")
    for _ in configurations(plugin, options=given):
        pass
    try:
        pickled("plugin", plugin)
    except BenchError as error:
        raise AssertionError(str(error)) from None


def check_name(name: str) -> None:
    """Raises AssertionError for a name that is awkward to type."""
    require(PLAIN_NAME.fullmatch(name) is not None, f"name {name!r} is not lower-case words joined by hyphens")


def configurations(plugin: type[AnyPlugin], *, options: Mapping[str, Any] | None = None) -> Iterator[AnyPlugin]:
    """The defaults, every field at each end of its range (every value of a Choice), and random draws from all ranges.

    Args:
        plugin: The plugin's class.
        options: Values for fields that have no default.

    Raises:
        AssertionError: If the plugin refuses values that lie within its own ranges, or changes them.
    """
    given = dict(options or {})
    ranges = search_ranges(plugin)
    draws = random.Random(0)
    yield plugin(**given)
    for name, known in ranges.items():
        for value in _ends(known):
            yield _accepted(plugin, {**given, name: value})
    for _ in range(COMBINATIONS if ranges else 0):
        yield _accepted(plugin, {**given, **{name: _draw(known, draws) for name, known in ranges.items()}})


def check_build_keeps(config: Plugin, before: Mapping[str, Any]) -> None:
    """Raises AssertionError if an option is no longer what it was `before` building: records would hold another value."""
    for name, value in before.items():
        now = getattr(config, name)
        require(now == value, f"build() changes option {name!r} from {value!r} to {now!r}: use a variable of its own")


def _accepted(plugin: type[AnyPlugin], options: dict[str, Any]) -> AnyPlugin:
    try:
        config = plugin(**options)
    except ValidationError as error:
        complaint = error.errors()[0]["msg"]
        raise AssertionError(f"refuses values within its own search ranges, {options}: {complaint}") from None
    for name, value in options.items():
        now = getattr(config, name)
        require(
            now == value,
            f"option {name!r}: {value!r} becomes {now!r} when it is built, so that a study would record what it did not run",
        )
    return config


def _ends(known: Range) -> tuple[Scalar, ...]:
    return known.values if isinstance(known, Choice) else (known.low, known.high)


def _draw(known: Range, draws: random.Random) -> Scalar:
    if isinstance(known, Choice):
        return draws.choice(known.values)
    if isinstance(known, Int):
        return draws.randrange(known.low, known.high + 1, known.step)
    return draws.uniform(known.low, known.high)


def _check_field(name: str, field: FieldInfo) -> None:
    require(bool(field.description), f"option {name!r} has no docstring under it")
    ranges = [note for note in field.metadata if isinstance(note, Choice | Float | Int)]
    require(len(ranges) < 2, f"option {name!r} has {len(ranges)} search ranges, {' and '.join(map(repr, ranges))}")
    for note in field.metadata:
        require(
            not isinstance(note, NO_RANGES),
            f"option {name!r}: its annotation {getattr(note, '__name__', repr(note))} is no search range: {WRITE}",
        )
    require(
        not isinstance(field.default, Choice | Float | Int),
        f"option {name!r}: a range stands in the place of the default: write Annotated[int, Int(8, 64)] = 32",
    )


def _check_default(plugin: type[Plugin], built: Plugin, name: str, field: FieldInfo, given: Mapping[str, Any]) -> None:
    """That a default is of its own type, cannot be changed, and is what is built from it."""
    declared, now = field.get_default(call_default_factory=True, validated_data={}), getattr(built, name)
    try:
        hash(declared)
    except TypeError:
        raise AssertionError(
            f"option {name!r}: the default is a {type(declared).__name__}, which can be changed: use a tuple"
        ) from None
    require(declared == now, f"option {name!r} is {now!r} when it is built, and {declared!r} by its declaration")
    try:
        validated = getattr(plugin(**{**given, name: declared}), name)
    except ValidationError as error:
        complaint = error.errors()[0]["msg"]
        raise AssertionError(f"option {name!r}: its own default {declared!r} is refused: {complaint}") from None
    require(validated == declared, f"option {name!r}: its default {declared!r} becomes {validated!r} when it is given")


def _check_frozen(built: Plugin) -> None:
    for name in type(built).model_fields:
        try:
            setattr(built, name, getattr(built, name))
        except ValidationError:
            continue
        raise AssertionError(f"option {name!r} can be changed after building: keep model_config frozen")


def _check_json(built: Plugin) -> None:
    plain = "use numbers, strings, booleans and None as fields"
    try:
        copy = type(built).model_validate_json(built.model_dump_json())
    except ValueError as error:  # pydantic's, of what it cannot write or read
        raise AssertionError(f"the configuration does not survive JSON ({one_line(error)[:100]}): {plain}") from None
    require(copy == built, f"the configuration does not survive JSON: {plain}")
