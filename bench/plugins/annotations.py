"""Search ranges, written as annotations on the fields of a plugin: `width: Annotated[float, Choice(1.0, 1.5)] = 1.0`.

They say which values may be searched, not how: this module knows no search library.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Choice:
    """One of a few values.

    Attributes:
        values: Strings, numbers, booleans or None.
    """

    values: tuple[Scalar, ...]

    def __init__(self, *values: Scalar) -> None:
        if not values:
            raise ValueError("Choice needs at least one value")
        for value in values:
            if not isinstance(value, Scalar):
                raise ValueError(f"Choice({value!r}): give its values one by one, as in Choice(16, 32)")
        object.__setattr__(self, "values", values)

    def contains(self, value: object) -> bool:
        """Whether the value is in the range."""
        # True == 1 in Python, and a switch is not a count.
        return any(value == known and isinstance(value, bool) == isinstance(known, bool) for known in self.values)

    def including(self, value: Scalar) -> Choice:
        """Returns this range, widened to hold `value`."""
        return self if self.contains(value) else Choice(*self.values, value)

    def __str__(self) -> str:
        return " | ".join(str(value) for value in self.values)


@dataclass(frozen=True)
class Float:
    """Any number of an interval.

    Attributes:
        low: Lowest value.
        high: Highest value.
        log: Whether orders of magnitude are searched evenly.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low <= self.high or (self.log and self.low <= 0):
            raise ValueError(f"Float({self.low}, {self.high}, log={self.log}) is no range")

    def contains(self, value: object) -> bool:
        """Whether the value is in the range."""
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    def including(self, value: Scalar) -> Float:
        """Returns this range, widened to hold `value`; no longer logarithmic if `value` has no logarithm."""
        if not isinstance(value, int | float):
            raise ValueError(f"{value!r} is no number")
        return Float(min(self.low, value), max(self.high, value), self.log and value > 0)

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}{' (log)' if self.log else ''}"


@dataclass(frozen=True)
class Int:
    """Any whole number of an interval.

    Attributes:
        low: Lowest value.
        high: Highest value.
        log: Whether orders of magnitude are searched evenly.
        step: Distance of neighbouring values; 1 if `log` is set.
    """

    low: int
    high: int
    log: bool = False
    step: int = 1

    def __post_init__(self) -> None:
        if not self.low <= self.high or (self.log and (self.low <= 0 or self.step != 1)):
            raise ValueError(f"Int({self.low}, {self.high}, log={self.log}, step={self.step}) is no range")
        if (self.high - self.low) % self.step:
            raise ValueError(f"Int({self.low}, {self.high}, step={self.step}): the step does not reach the end")

    def contains(self, value: object) -> bool:
        """Whether the value is in the range."""
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and self.low <= value <= self.high and (value - self.low) % self.step == 0  # type: ignore[operator]

    def including(self, value: Scalar) -> Int:
        """Returns this range, widened to hold `value`; the step becomes 1 if `value` is off the grid."""
        if not isinstance(value, int):
            raise ValueError(f"{value!r} is no whole number")
        low, high = min(self.low, value), max(self.high, value)
        on_grid = (value - self.low) % self.step == 0
        return Int(low, high, self.log and value > 0, self.step if on_grid else 1)

    def __str__(self) -> str:
        step = f", step {self.step}" if self.step != 1 else ""
        return f"{self.low} to {self.high}{step}{' (log)' if self.log else ''}"


Range = Choice | Float | Int


def search_ranges(fields_of: type[BaseModel]) -> dict[str, Range]:
    """Returns the search range of every annotated field, in the order of declaration."""
    ranges: dict[str, Range] = {}
    for name, field in fields_of.model_fields.items():
        for annotation in field.metadata:
            if isinstance(annotation, Choice | Float | Int):
                ranges[name] = annotation
    return ranges
