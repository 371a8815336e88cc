"""The `bench` command: loads the verb that is called, and turns errors into one line and an exit code."""

from __future__ import annotations

import gc
import io
import os
import sys
from importlib import import_module
from typing import Any

import typer
from typer.main import get_command

from bench.cli.completion import complete_by_name, words_to_complete
from bench.errors import BenchError, did_you_mean
from bench.files import give_libraries_a_cache
from bench.markdown import printable
from bench.passwords import without_password
from bench.version import VERSION

VERBS = {
    "run": "Search a data set, then retrain and test the best.",
    "ui": "Browse every study, trial and curve (MLflow).",
    "studies": "List the studies of a results folder, and how to go on.",
    "leaderboard": "Rank the finals of all studies of a data set.",
    "report": "Write the classification report of a run.",
    "figure": "Draw one figure of a run or a data set as PNG.",
    "predict": "Classify audio files by a trained network.",
    "export": "Write a trained network as one file: ONNX, or torch.",
    "compare": "Say whether rows differ by more than chance.",
    "reproduce": "Run a recipe or a published row again.",
    "verify": "Recompute a page or a submitted row from its predictions.",
    "submit": "Write a row into one file, to hand it in elsewhere.",
    "site": "Write published pages as a static site.",
    "lr-find": "Find a learning rate by a range test.",
    "list": "List what is installed.",
    "show": "Show a plugin in full, and the layers of a network.",
    "fetch": "Download a data set.",
    "check-data": "Show what is in a data set: lengths, defects, twins.",
    "cache": "Show what the cache folder holds, and make room.",
    "check": "Check that plugins keep their contracts.",
    "new": "Begin a plugin package of your own.",
}
"""Verbs and what they do. Each is a module of this package with a function `command`, or with an `app` of several, and is
imported when it is called."""

INTERRUPTED = 130


def build_app(arguments: list[str]) -> typer.Typer:
    """The command line with every verb by name, of which the one that `arguments` call is loaded."""
    called = next((word for word in arguments if not word.startswith("-")), None)
    app = typer.Typer(
        name="bench",
        help="Which front end and which network are best on your audio, and can you trust the number?",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        # Rich costs as much as everything else of `bench --help`.
        rich_markup_mode="rich" if called in VERBS else None,
    )
    app.callback()(_options)
    for verb, summary in VERBS.items():
        if verb != called:
            app.command(verb, help=summary)(_not_called)
            continue
        module = import_module(f"bench.cli.{verb.replace('-', '_')}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=verb, help=summary)
        else:
            app.command(verb, epilog=getattr(module, "EPILOG", None))(module.command)
    return app


def main() -> None:
    """Entry point of the console script. Exit codes: 0 done, 1 an error, 2 wrong usage, 130 interrupted."""
    gc.set_threshold(50_000, 20, 20)
    give_libraries_a_cache()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # It was closed, as by `>&-`.
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115
    if (encoding := sys.getfilesystemencoding()) != "utf-8":
        advice = "set PYTHONUTF8=1, or a locale such as LC_ALL=C.UTF-8"
        print(f"bench: warning: names of files are read as {encoding} here, not as UTF-8: {advice}", file=sys.stderr)
    if isinstance(
        sys.stdout, io.TextIOWrapper
    ):  # a terminal that lacks a sign shows ? for it, and no study ends by that
        sys.stdout.reconfigure(errors="replace")
    try:
        code = _run(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # Nobody reads on, as after `| head`, and what Python has left to write goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if os.environ.get("BENCH_DEBUG"):
            raise
        if line := _line(error):
            print(f"bench: {printable(without_password(line))}", file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 1))
    if code == INTERRUPTED:
        print("bench: interrupted", file=sys.stderr)
    sys.exit(code if isinstance(code, int) else 0)


def _run(arguments: list[str]) -> Any:
    """What a verb returns. Its modules are then left to the system: to collect them one by one as Python ends takes more
    than a second after MLflow and torch. What waits for the end (files, threads, exit handlers) ends as ever."""
    try:
        if (typed := words_to_complete()) is not None:
            command = get_command(build_app(typed))
            complete_by_name(command)
            return command(typed, prog_name="bench", standalone_mode=False)
        return build_app(arguments)(arguments, standalone_mode=False)
    finally:
        gc.freeze()


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"bench {VERSION}")
        raise typer.Exit


def _options(
    version: bool = typer.Option(False, "--version", help="Print the version.", callback=_print_version, is_eager=True),
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks.", envvar="BENCH_DEBUG"),
) -> None:
    if debug:
        os.environ["BENCH_DEBUG"] = "1"


def _not_called() -> None:
    """Stands for the verbs that are only listed."""


def _line(error: Exception) -> str:
    """What a person reads of an error: its own line if it was meant for people, and else where to look."""
    if isinstance(error, BenchError):
        return str(error)
    # Typer brings its own copy of click's exceptions, in a private module: wrong usage is known by what it has.
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        return _usage(error)
    from bench.plugins.faults import fault, fault_place  # after an error, and not at every start

    if fault_place(error):
        return f"{fault(error)} (a plugin raised it; bench --debug ... shows how it came there)"
    text = " ".join(str(error).split())[:300]
    return (
        f"unexpected {type(error).__name__}{f' ({text})' if text else ''}: what was computed before is kept; "
        "run it again as bench --debug ... to see where, and report it"
    )


def _usage(error: Any) -> str:
    """Wrong usage in one line, with the nearest options or verbs, and where the right ones stand."""
    context = getattr(error, "ctx", None)
    path = "bench" if context is None else context.command_path
    message = " ".join(error.format_message().split()).rstrip(".")
    if type(error).__name__ == "NoArgsIsHelpError":  # a verb of several has printed its help already
        if context is not None and context.parent is None:
            print(context.get_help())
        return ""
    option = getattr(error, "option_name", None)
    if type(error).__name__ == "NoSuchOption" and option is not None and context is not None:
        known = [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]
        message = f"no such option {option}: {did_you_mean(option, known)}"
    return f"{message[:1].lower()}{message[1:]} (see: {path} --help)"
