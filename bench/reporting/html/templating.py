"""Fills the templates of this package in, so that no label, name or message can become markup or script.

Everything that is filled in is escaped, and by the page's policy only the script and the style of this package count, which
it knows by their digests. Data reach the script as text and attributes of elements, never as a part of its source.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from bench.evaluation.metrics import metric_title
from bench.markdown import printable
from bench.reporting.numbers import (
    count,
    duration,
    interval_text,
    latency,
    load_text,
    number,
    plural,
    score_text,
    spread,
)

if TYPE_CHECKING:
    from jinja2 import Environment

FILTERS: Mapping[str, Callable[..., str]] = {
    "count": count,
    "duration": duration,
    "interval": interval_text,
    "latency": latency,
    "load": load_text,
    "metric": metric_title,
    "number": number,
    "plural": plural,
    "score": score_text,
    "spread": spread,
}
"""The figures' forms on every page, under the names that templates use."""


@dataclass(frozen=True)
class Link:
    """A link of a page."""

    text: str
    address: str
    """Relative to the page."""


def render_html(template: str, *, links: Sequence[Link] = (), files_beside: bool = False, **context: Any) -> str:
    """Renders a template.

    Args:
        template: Its file name.
        links: Links at the top of a page that is one of several.
        files_beside: Whether the page plays files that lie beside it; otherwise it can ask for nothing but itself.
        context: What the template is filled with.
    """
    style, script = _asset("page.css"), _asset("page.js")
    media = "data: 'self' file:" if files_beside else "data:"
    policy = (
        f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}; img-src data:; "
        f"media-src {media}; base-uri 'none'; form-action 'none'"
    )
    page = _environment().get_template(template)
    return page.render(policy=policy, links=links, style=_trusted(style), script=_trusted(script), **context) + "\n"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bench.reporting.html"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_in_one_line,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {**FILTERS, "lines": _lines}
    return environment


@cache
def _asset(name: str) -> str:
    return (files("bench.reporting.html") / "templates" / name).read_text(encoding="utf-8")


def _digest(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _trusted(content: str) -> Any:
    """Marks a file of this package as what is not escaped."""
    from markupsafe import Markup

    return Markup(content)


def _in_one_line(value: Any) -> Any:
    """Text without newlines, control and direction-changing characters; what is markup already stays."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _lines(text: str) -> Any:
    """Text of several lines, as JSON, escaped, with its indentation."""
    from markupsafe import Markup, escape

    return Markup("\n").join(
        Markup(" " * (len(line) - len(line.lstrip(" ")))) + escape(printable(line)) for line in text.splitlines()
    )
