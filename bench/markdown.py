"""GitHub-flavoured Markdown in which nobody's label, name or error message can become markup.

Every helper escapes what it is given unless it is `Markup` already, so forgetting to escape shows as a stray backslash
and never as an injected tag.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Literal

Align = Literal["left", "right"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]|~!#$])")
_LINK = re.compile(r"(?i)(?<=:)//|(?<=www)\.")
_LINE_START = re.compile(r"^(\d+)([.)])(?=\s|$)|^([-+=])(?=[-+=\s]|$)")


class Markup(str):
    """Text that is Markdown already and is not escaped again."""

    __slots__ = ()


def printable(text: str) -> str:
    """`text` in one line: newlines, control and direction-changing characters become spaces."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def escape(text: str) -> Markup:
    """`text` in one line that shows as it is, in a table's cell as anywhere else."""
    if isinstance(text, Markup):
        return text
    escaped = _SPECIAL.sub(r"\\\1", printable(text))
    escaped = _LINE_START.sub(lambda found: f"{found[1] or ''}\\{found[2] or found[3]}", escaped)
    escaped = html.escape(escaped, quote=False)
    return Markup(_LINK.sub(lambda found: "&#47;&#47;" if found[0] == "//" else "&#46;", escaped))


def code(text: str) -> Markup:
    """`text` in one line as inline code, safe in a table's cell."""
    text = printable(text)
    if "|" in text or not text:  # a code span cannot hold a pipe inside a table
        return Markup(f"<code>{escape(text)}</code>")
    fence = "`" * (_longest_run("`", text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return Markup(f"{fence}{pad}{text}{pad}{fence}")


def code_block(text: str, language: str = "") -> Markup:
    """`text` as a fenced block, the fence longer than any inside it."""
    fence = "`" * max(3, _longest_run("`", text) + 1)
    return Markup(f"{fence}{language}\n{text.rstrip()}\n{fence}")


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, align: Sequence[Align] = ()) -> Markup:
    """A table; columns past the end of `align` are aligned to the right, as figures are."""
    sides = [align[column] if column < len(align) else "right" for column in range(len(header))]
    rule = ["---:" if side == "right" else "---" for side in sides]
    lines: list[Sequence[str]] = [[escape(cell) for cell in header], rule]
    lines += [[escape(cell) for cell in row] for row in rows]
    return Markup("\n".join(f"| {' | '.join(line)} |" for line in lines))


def bullets(items: Iterable[str]) -> Markup:
    """A list, one line an item."""
    return Markup("\n".join(f"- {escape(item)}" for item in items))


def details(summary: str, body: Markup) -> Markup:
    """`body` folded away under `summary`."""
    return Markup(f"<details><summary>{html.escape(printable(summary))}</summary>\n\n{body}\n\n</details>")


def heading(level: int, text: str) -> Markup:
    """A heading of level 1 to 6."""
    return Markup(f"{'#' * level} {escape(text)}")


def page(parts: Iterable[str]) -> str:
    """The parts as a document, a blank line between them; empty parts are left out."""
    return "\n\n".join(part for part in parts if part) + "\n"


def _longest_run(character: str, text: str) -> int:
    return max((len(run) for run in re.findall(f"{re.escape(character)}+", text)), default=0)
