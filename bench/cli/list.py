"""`bench list`: what is installed."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.api.plugins import PLUGIN_KINDS, summary
from bench.cli.common import installed_plugins
from bench.errors import WrongUsage, did_you_mean
from bench.plugins.registry import Registry
from bench.reporting.terminal import print_table

LISTS = (*(f"{kind}s" for kind in PLUGIN_KINDS), "plugins")


def command(
    kind: Annotated[
        str | None,
        typer.Argument(help=f"One of {', '.join(LISTS)}; all of them if left out.", show_default=False),
    ] = None,
) -> None:
    """List data sets, features, models, recipes and the packages that brought them."""
    if kind is not None and kind not in LISTS:
        raise WrongUsage(f"unknown kind {kind!r}: {did_you_mean(kind, LISTS)}")
    registry = installed_plugins()
    for listed in LISTS if kind is None else (kind,):
        if kind is None:
            print(listed)
        header = ("package", "version", "brings") if listed == "plugins" else ("name", "what it is", "package")
        print_table(header, _lines(registry, listed), left=(0, 1, 2))
        if kind is None and listed != LISTS[-1]:
            print()


def _lines(registry: Registry, listed: str) -> list[tuple[str, str, str]]:
    if listed == "plugins":
        return _packages(registry)
    kind = listed.removesuffix("s")
    return sorted(
        (name, summary(registry, kind, name), package.distribution)
        for (of_kind, name), package in registry.origins.items()
        if of_kind == kind
    )


def _packages(registry: Registry) -> list[tuple[str, str, str]]:
    """Name, version and plugins of every package, a line a kind, and a line for everything that was left out."""
    lines = []
    for package in registry.packages:
        brought = [
            f"{kind}s: {', '.join(names)}"
            for kind in PLUGIN_KINDS
            if (names := [name for (k, name), origin in registry.origins.items() if (k, origin) == (kind, package)])
        ]
        left_out = [f"left out: {problem.what}" for problem in registry.problems if problem.package == package]
        lines += [(package.distribution, package.version, line) for line in (brought + left_out) or ["nothing"]]
    return lines
