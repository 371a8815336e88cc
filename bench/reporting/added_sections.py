"""Sections that plugins add to the report of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from bench.files import write_atomically
from bench.plugins import FinishedRun, ReportSection
from bench.plugins.faults import fault

PNG = b"\x89PNG\r\n\x1a\n"
"""The first bytes of every PNG."""


class AddedSection(BaseModel):
    """A section of a plugin, as it is kept in report.json."""

    model_config = ConfigDict(frozen=True)
    title: str
    markdown: str
    figure: str
    """Kind of its figure among those of the report, if it has one."""


@dataclass(frozen=True)
class AddedSections:
    """What the plugins came to.

    Attributes:
        sections: Those with a text or a figure.
        figures: Paths of their figures, by kind.
        failures: What the others raised, by kind.
    """

    sections: tuple[AddedSection, ...]
    figures: Mapping[str, Path]
    failures: Mapping[str, str]


def add_sections(plugins: Mapping[str, type[ReportSection]], run: FinishedRun, folder: Path) -> AddedSections:
    """Has every plugin write its section, and writes their figures into a folder. One that fails does not affect the others.

    Raises:
        BenchError: The folder cannot be written to.
    """
    sections: list[AddedSection] = []
    figures: dict[str, Path] = {}
    failures: dict[str, str] = {}
    for name, plugin in plugins.items():
        kind = f"section-{name}"
        try:
            text, png = plugin().markdown(run), plugin().figure(run)
            if not isinstance(text, str) or not (png is None or png.startswith(PNG)):
                raise TypeError(f"section {name} gives no Markdown and PNG")
        except Exception as error:  # Whatever fails in a plugin must not lose a report.
            failures[kind] = fault(error)
            continue
        if png is not None:
            figures[kind] = folder / f"{kind}.png"
            write_atomically(figures[kind], png)
        if text or png:
            sections.append(AddedSection(title=plugin.title, markdown=text.strip(), figure=kind))
    return AddedSections(tuple(sections), figures, failures)
