"""Writes GitHub-flavoured Markdown in which no label, name or error message can become markup.

Every helper escapes its arguments unless they are `Markup` already, so an escaping mistake shows as a stray backslash
and never as an injected tag.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Literal

Alignment = Literal["left", "right"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]|~!#$])")
_LINK = re.compile(r"(?i)(?<=:)//|(?<=www)\.")
_LINE_START = re.compile(r"^(\d+)([.)])(?=\s|$)|^([-+=])(?=[-+=\s]|$)")


class Markup(str):
    """Text that is Markdown already and is not escaped again."""

    __slots__ = ()


def printable(text: str) -> str:
    """Returns `text` in one line: newlines, control and direction-changing characters become spaces."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def first_sentence(text: str) -> str:
    """Returns the first sentence of a docstring, in one line and without its full stop."""
    return re.split(r"(?<=[.!?])\s", " ".join(text.split()), maxsplit=1)[0].rstrip(".")


def escape(text: str) -> Markup:
    """Returns `text` escaped in one line, so that it renders literally in a table cell and anywhere else."""
    if isinstance(text, Markup):
        return text
    escaped = _SPECIAL.sub(r"\\\1", printable(text))
    escaped = _LINE_START.sub(lambda match: f"{match[1] or ''}\\{match[2] or match[3]}", escaped)
    escaped = html.escape(escaped, quote=False)
    return Markup(_LINK.sub(lambda match: "&#47;&#47;" if match[0] == "//" else "&#46;", escaped))


def code(text: str) -> Markup:
    """Returns `text` in one line as inline code that is safe in a table cell."""
    text = printable(text)
    if "|" in text or not text:  # a code span cannot hold a pipe inside a table
        return Markup(f"<code>{escape(text)}</code>")
    fence = "`" * (_longest_run("`", text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return Markup(f"{fence}{pad}{text}{pad}{fence}")


def code_block(text: str, language: str = "") -> Markup:
    """Returns `text` as a fenced block whose fence is longer than any inside it."""
    fence = "`" * max(3, _longest_run("`", text) + 1)
    return Markup(f"{fence}{language}\n{text.rstrip()}\n{fence}")


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, align: Sequence[Alignment] = ()) -> Markup:
    """Returns a table. Columns past the end of `align` hold figures and are aligned to the right."""
    alignments = [align[column] if column < len(align) else "right" for column in range(len(header))]
    delimiter_row = ["---:" if side == "right" else "---" for side in alignments]
    lines: list[Sequence[str]] = [[escape(cell) for cell in header], delimiter_row]
    lines += [[escape(cell) for cell in row] for row in rows]
    return Markup("\n".join(f"| {' | '.join(line)} |" for line in lines))


def bullets(items: Iterable[str]) -> Markup:
    """Returns a bulleted list with one line per item."""
    return Markup("\n".join(f"- {escape(item)}" for item in items))


def details(summary: str, body: Markup) -> Markup:
    """Returns `body` in a collapsed section titled `summary`."""
    return Markup(f"<details><summary>{html.escape(printable(summary))}</summary>\n\n{body}\n\n</details>")


def heading(level: int, text: str) -> Markup:
    """Returns a heading of level 1 to 6."""
    return Markup(f"{'#' * level} {escape(text)}")


def page(parts: Iterable[str]) -> str:
    """Joins the non-empty parts to a document with a blank line between them."""
    return "\n\n".join(part for part in parts if part) + "\n"


def _longest_run(character: str, text: str) -> int:
    return max((len(run) for run in re.findall(f"{re.escape(character)}+", text)), default=0)
