"""A plugin by its name with its options, and several of them as one line of text: `mixup:alpha=0.2,speed`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict

OPTION = re.compile(r"[A-Za-z_]\w*\s*=")


class PluginConfig(BaseModel):
    """A plugin by its name with the values of its fields, as specifications, results and pages hold it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    options: dict[str, Any] = {}


def parse_chain(text: str) -> tuple[PluginConfig, ...]:
    """The plugins that `NAME:OPTION=VALUE,OPTION=VALUE,NAME` names, in their order; values are read as JSON, or as text.

    Raises:
        ValueError: If a part is no name and no option of a name, or a name stands twice.
    """
    chain: list[tuple[str, dict[str, Any]]] = []
    for part in (part.strip() for part in text.split(",") if text.strip()):
        name, colon, option = part.partition(":")
        if not colon and OPTION.match(part):
            option = part
        else:
            chain.append((name.strip(), {}))
        if not chain or not chain[-1][0] or (colon and not OPTION.match(option.strip())):
            raise ValueError(f"{part!r} in {text!r}: write NAME or NAME:OPTION=VALUE, with commas between them")
        if option:
            key, _, value = option.partition("=")
            chain[-1][1][key.strip()] = _value(value.strip())
    names = [name for name, _ in chain]
    if len(set(names)) < len(names):
        raise ValueError(f"{text!r} names one twice")
    return tuple(PluginConfig(name=name, options=options) for name, options in chain)


def write_chain(chain: Iterable[PluginConfig]) -> str:
    """The text that `parse_chain` reads as these plugins."""
    return ",".join(
        config.name
        + ":" * bool(config.options)
        + ",".join(f"{key}={_written(value)}" for key, value in config.options.items())
        for config in chain
    )


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
