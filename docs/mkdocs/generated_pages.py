"""Pages of the documentation that are made from the code, the examples and the other pages, as Markdown by file name."""

from __future__ import annotations

import inspect
import json
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import bench
import bench.plugins
from bench.api.plugins import OPTION_COLUMNS, PLUGIN_KINDS, option_rows
from bench.markdown import Markup, bullets, code, escape, heading, page, table
from bench.options import RunOptions, flag, keyword, option
from bench.plugins import ExecutorPlugin, Recipe
from bench.plugins.registry import Registry, installed
from bench.reporting.reproductions import published_figures

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = "bench-audio"
"""The package whose plugins are listed."""
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "perf/README.md": "measurements.md",
}
"""Pages of the repository outside docs/, by their names in the site."""
COPIED = {
    "CITATION.cff": "CITATION.cff",
    "examples/quickstart.ipynb": "examples/quickstart.ipynb",
    "examples/quickstart.py": "examples/quickstart.py",
    ".github/workflows/submissions.yml": "submissions.yml",
}
"""Other files that pages lead to."""
MOVED = {
    **COPIED,
    **PAGES,
    "examples": "first-study.md",
    "examples/quickstart.ipynb": "first-study.md",
    "leaderboards/README.md": "leaderboards/index.html",
    "plugins/example": "plugins.md",
}
"""Where in the site stands what lies outside docs/, by its path in the repository."""
KIND_TITLES = {"dataset": "Data sets"}
PAGE_OF_LEADERBOARD = re.compile(r"leaderboards/(?P<name>[^/]+)\.md")
LINK = re.compile(r"(?P<before>\]\()(?P<target>[^)#\s]+)(?P<after>(#[^)\s]*)?\))")
FIGURE = re.compile(r"!\[(?P<caption>[^\]]*)\]\((?P<address>images/[^)]+)\)")


def generated_pages() -> dict[str, str]:
    """Returns the pages by their names in the site."""
    return {
        **{name: relinked((ROOT / path).read_text(encoding="utf-8"), path) for path, name in PAGES.items()},
        "first-study.md": first_study(),
        "gallery.md": gallery(),
        "shipped-plugins.md": shipped_plugins(installed()),
        "api.md": api_page(bench, "Public API", inspect.getdoc(bench) or ""),
        "api-plugins.md": api_page(bench.plugins, "What a plugin imports", inspect.getdoc(bench.plugins) or ""),
        "options.md": options_page(),
    }


def relinked(text: str, source: str) -> str:
    """Returns a page with its links as they are in the site.

    Args:
        text: Its Markdown.
        source: Its path in the repository, from which its links go out.
    """

    def moved(link: re.Match[str]) -> str:
        target = link["target"]
        if "://" in target or target.startswith("mailto:"):
            return link[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        board = PAGE_OF_LEADERBOARD.fullmatch(path)
        place = MOVED.get(path) or (
            f"leaderboards/datasets/{board['name']}.html" if board else path.removeprefix("docs/")
        )
        return f"{link['before']}{place}{link['after']}"

    return LINK.sub(moved, text)


def first_study() -> str:
    """Returns the notebook of examples/, which the tests run, as a page."""
    cells = json.loads((ROOT / "examples" / "quickstart.ipynb").read_text(encoding="utf-8"))["cells"]
    sources = [("".join(cell["source"]), cell["cell_type"]) for cell in cells]
    parts = [text if kind == "markdown" else f"```python\n{text}\n```" for text, kind in sources]
    ending = (
        "The notebook is [examples/quickstart.ipynb](examples/quickstart.ipynb); the same as a script is "
        "[examples/quickstart.py](examples/quickstart.py), and what that prints stands in [From Python](python.md)."
    )
    return "\n\n".join([*parts, ending]) + "\n"


def gallery() -> str:
    """Returns every figure of the other pages, with a link to the page that says how to draw it."""
    parts = [
        "# Gallery",
        "Figures of the other pages; a title leads to the page that says what a figure shows and how to draw it.",
    ]
    for source in sorted((ROOT / "docs").glob("*.md")):
        title = re.match(r"# (.*)", source.read_text(encoding="utf-8"))
        for figure in FIGURE.finditer(source.read_text(encoding="utf-8")):
            parts += [f"## {figure['caption']}", f"[{title[1] if title else source.stem}]({source.name})", figure[0]]
    return "\n\n".join(parts) + "\n"


def shipped_plugins(registry: Registry) -> str:
    """Returns every plugin that comes with bench, with its options by its declaration."""
    parts: list[str] = [
        heading(1, "Shipped plugins"),
        Markup(
            f"As {code('bench list')} and {code('bench show NAME')} say it of what comes with bench, from the declarations. "
            "An option without a range is not searched."
        ),
    ]
    for kind in PLUGIN_KINDS:
        names = sorted(
            name for (of, name), package in registry.origins.items() if of == kind and package.distribution == SHIPPED
        )
        if names:
            parts += [heading(2, KIND_TITLES.get(kind, f"{kind}s".capitalize()))]
        for name in names:
            parts += [heading(3, name), *_plugin(getattr(registry, f"{kind}s")[name])]
    return page(parts)


def _plugin(plugin: object) -> list[str]:
    if isinstance(plugin, Recipe):
        return [_text(plugin.summary), bullets(_recipe(plugin))]
    if isinstance(plugin, ExecutorPlugin):
        return [_text(plugin.summary)]
    text = [_text(paragraph) for paragraph in (inspect.getdoc(plugin) or "").split("\n\n")]
    rows = [(code(name), *rest, _text(meaning)) for name, *rest, meaning in option_rows(plugin)]
    return [*text, table(OPTION_COLUMNS, rows, align=("left",) * 5) if rows else "It has no options."]


def _recipe(recipe: Recipe) -> list[str]:
    """What a recipe fixes, where it is from, and what was published."""
    parts = [
        f"{kind}: {config.name}{f' ({settings})' if (settings := _settings(config.options)) else ''}"
        for kind, config in (("Feature", recipe.feature), ("Model", recipe.model))
    ]
    parts += [f"Training: {_settings(recipe.training.model_dump(exclude_defaults=True))}"]
    parts += [f"Data sets: {', '.join(recipe.datasets)}"]
    parts += [f"Published: {published_figures(recipe.published)}"] if recipe.published else []
    return [*parts, *([f"Source: {recipe.source}"] if recipe.source else [])]


def _settings(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def _text(docstring: str) -> Markup:
    """Text of a docstring, in which only code between backticks is markup."""
    pieces = docstring.split("`")
    return Markup("".join(code(piece) if index % 2 else _escaped(piece) for index, piece in enumerate(pieces)))


def _escaped(piece: str) -> str:
    """A piece of a line, with the spaces at its ends."""
    lines = " ".join(piece.split())
    before, after = (" " if piece[:1].isspace() else ""), (" " if piece[-1:].isspace() and lines else "")
    return f"{before}{escape(lines)}{after}"


def api_page(module: ModuleType, title: str, opening: str) -> str:
    """Returns a page with the docstring of every public name of a module, for mkdocstrings to fill in."""
    parts = [f"# {title}", opening.replace("Example:\n", "Example:\n\n")]
    for name in module.__all__:
        value = getattr(module, name)
        home = value.__name__ if isinstance(value, ModuleType) else _home(value)
        if home and (module is bench or name not in bench.__all__):  # each has one place
            shown = f"{module.__name__}.{name}"
            parts.append(f"::: {home}\n    options:\n      heading: {shown}\n      toc_label: {shown}")
    return "\n\n".join(parts) + "\n"


def _home(value: object) -> str:
    """`bench.api.run.run` of a class or function of bench; empty for constants and types of others."""
    named = inspect.isclass(value) or inspect.isfunction(value)
    return f"{value.__module__}.{value.__qualname__}" if named and value.__module__.startswith("bench.") else ""


def options_page() -> str:
    """Returns every option of a run, as the command line, `--config` and `bench.run` have it."""
    parts: list[str] = [
        heading(1, "Options of a run"),
        Markup(
            f"Of {code('bench run')}, of a file for {code('--config')}, and of {code('bench.run')}: all are made from "
            f"{code('bench.options.RunOptions')}. A resume cannot change what is fixed, "
            "can only raise what is raised, and keeps what is persistent unless it is given again."
        ),
    ]
    panels = dict.fromkeys(option(name).panel for name in RunOptions.model_fields)
    for panel in panels:
        rows = [
            (
                code(flag(name)),
                code(keyword(name)),
                option(name).default or ("" if field.default in ("", {}, ()) else str(field.default)),
                option(name).resume,
                _text(field.description or ""),
            )
            for name, field in RunOptions.model_fields.items()
            if option(name).panel == panel
        ]
        columns = ("On the command line", "In Python", "Default", "Resume", "What it does")
        parts += [heading(2, panel), table(columns, rows, align=("left",) * 5)]
    return page(parts)
