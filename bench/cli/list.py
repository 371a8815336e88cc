"""`bench list`: what is installed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bench.plugins.registry import Registry

KINDS = ("datasets", "features", "models", "recipes", "plugins")


def command(
    kind: Annotated[
        str | None,
        typer.Argument(help=f"One of {', '.join(KINDS)}; all of them if left out.", show_default=False),
    ] = None,
) -> None:
    """List data sets, features, models, recipes and the packages that brought them."""
    from bench.cli.common import registry
    from bench.errors import BenchError, did_you_mean

    if kind is not None and kind not in KINDS:
        raise BenchError(f"unknown kind {kind!r}: {did_you_mean(kind, KINDS)}")
    found = registry()
    for shown in KINDS if kind is None else (kind,):
        _print(found, shown, titled=kind is None)


def _print(found: Registry, kind: str, *, titled: bool) -> None:
    from bench.reporting.terminal import print_table

    if titled:
        print(kind)
    header = ("package", "version", "brings") if kind == "plugins" else ("name", "what it is", "package")
    rows = _packages(found) if kind == "plugins" else _plugins(found, kind)
    print_table(header, rows, left=(0, 1, 2))
    if titled and kind != KINDS[-1]:
        print()


def _plugins(found: Registry, kind: str) -> list[tuple[str, str, str]]:
    """Name, first sentence and package of every plugin of a kind."""
    if kind == "recipes":
        summaries = {name: first_sentence(recipe.summary) for name, recipe in found.recipes.items()}
    else:
        plugins = {"datasets": found.datasets, "features": found.features, "models": found.models}[kind]
        summaries = {name: first_sentence(plugin.__doc__) for name, plugin in plugins.items()}  # type: ignore[attr-defined]
    singular = kind.removesuffix("s")
    return [(name, text, found.origins[singular, name].distribution) for name, text in sorted(summaries.items())]


def _packages(found: Registry) -> list[tuple[str, str, str]]:
    """Name, version and content of every package, a line a kind, and a line for everything that was left out."""
    rows = []
    for package in found.packages:
        brought = [
            f"{kind}: {', '.join(names)}"
            for kind in KINDS[:-1]
            if (names := [name for (k, name), origin in found.origins.items() if (f"{k}s", origin) == (kind, package)])
        ]
        left_out = [f"left out: {problem.what}" for problem in found.problems if problem.package == package]
        rows += [(package.distribution, package.version, line) for line in (brought + left_out) or ["nothing"]]
    return rows


def first_sentence(docstring: str | None) -> str:
    """The first sentence of a docstring, on one line."""
    text = " ".join((docstring or "").split())
    return re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0].rstrip(".")
