"""The `bench` command: gathers the verbs, and turns errors into one line and an exit code."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import typer

from bench.errors import BenchError

VERBS = ("run", "ui", "leaderboard", "report", "reproduce", "list", "show", "fetch", "check")
"""Each is a module of this package with a function `command`; what is heavy is imported inside that function."""


def build_app() -> typer.Typer:
    """The command line with every verb."""
    app = typer.Typer(
        name="bench",
        help="Which front end and which network are best on your audio, and can you trust the number?",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.callback()(_options)
    for verb in VERBS:
        app.command(verb)(import_module(f"bench.cli.{verb}").command)
    return app


def _options(
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks.", envvar="BENCH_DEBUG"),
) -> None:
    if debug:
        os.environ["BENCH_DEBUG"] = "1"


def main() -> None:
    """Entry point of the console script. Exit codes: 0 done, 1 an error, 2 wrong usage, 130 interrupted."""
    try:
        build_app()()
    except BenchError as error:
        if os.environ.get("BENCH_DEBUG"):
            raise
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        sys.exit(130)
