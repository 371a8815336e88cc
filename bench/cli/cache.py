"""`bench cache list|clear|prune`: what can be made again, how much room it takes, and making room."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Annotated

import typer

from bench.cli.common import warn
from bench.data.cache_contents import CachedFolder, cache_contents, remove
from bench.data.folders import remove_leftovers
from bench.errors import BenchError, WrongUsage, did_you_mean
from bench.files import cache_directory, data_directory
from bench.reporting.terminal import print_table
from bench.sizes import parse_size, shown_size

CACHE_KINDS = ("audio", "augmented", "features")
SECONDS = {"h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}

app = typer.Typer(
    help="What the cache folder holds (BENCH_CACHE_DIR), and making room. All of it can be made again.",
    no_args_is_help=True,
)

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME", help=f"Data sets, or kinds: {', '.join(CACHE_KINDS)}.  \\[default: all]", show_default=False
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command("list", epilog="bench cache list   |   bench cache list fsdd   |   bench cache list features")
def list_(names: Names = None) -> None:
    """Show decoded audio, augmented copies and features, with their sizes and when they were last used."""
    items = _chosen(names)
    if not items:
        print(f"nothing is in {cache_directory()}")
        return
    rows = [
        (
            *(item.kind, item.dataset, item.what, "" if item.clips is None else f"{item.clips:,}"),
            *(shown_size(item.size), _ago(item.used)),
        )
        for item in sorted(items, key=lambda item: (CACHE_KINDS.index(item.kind), item.dataset, item.what))
    ]
    print_table(("kind", "data set", "what", "clips", "size", "last used"), rows, left=(0, 1, 2))
    print(f"\n{_amount(items)} in {cache_directory()}")
    print(f"data sets themselves are in {data_directory(None)}, and never touched")


@app.command("clear", epilog="bench cache clear features   |   bench cache clear fsdd --yes   |   bench cache clear")
def clear(names: Names = None, yes: Yes = False) -> None:
    """Remove what is named, or everything; never what a running study uses, and never data sets themselves."""
    remove_leftovers(cache_directory())
    _remove(_chosen(names), yes=yes)


@app.command("prune", epilog="bench cache prune --max-size 5GB   |   bench cache prune --older-than 30d --yes")
def prune(
    names: Names = None,
    max_size: Annotated[
        str, typer.Option("--max-size", help="Keep at most so much, as in 5GB.", show_default=False)
    ] = "",
    older_than: Annotated[
        str, typer.Option("--older-than", help="Remove what was not used for so long, as in 30d.", show_default=False)
    ] = "",
    yes: Yes = False,
) -> None:
    """Remove what was used longest ago, until the rest is small enough or young enough."""
    if not max_size and not older_than:
        raise WrongUsage("bench cache prune needs --max-size 5GB, --older-than 30d, or both")
    most = parse_size(max_size, where="--max-size") if max_size else None
    oldest = time.time() - _seconds(older_than) if older_than else 0.0
    items = _chosen(names)
    left, removed = sum(item.size for item in items), []
    for item in items:  # least recently used first
        if item.used < oldest or (most is not None and left > most):
            removed.append(item)
            left -= item.size
    _remove(removed, yes=yes)


def _chosen(names: Sequence[str] | None) -> list[CachedFolder]:
    """What is meant, least recently used first. Raises BenchError on names of nothing in the cache."""
    items = cache_contents(cache_directory())
    known = {*CACHE_KINDS, *(item.dataset for item in items)}
    for name in names or ():
        if name not in known:
            raise BenchError(
                f"nothing in the cache is called {name!r}: {did_you_mean(name, known)} (see: bench cache list)"
            )
    return [item for item in items if not names or {item.kind, item.dataset} & set(names)]


def _remove(items: Sequence[CachedFolder], *, yes: bool) -> None:
    if not items:
        print("nothing to remove")
        return
    if not yes and not typer.confirm(f"Remove {_amount(items)}?"):
        print("nothing was removed")
        return
    gone = []
    for item in items:
        if remove(item):
            gone.append(item)
        else:
            warn(f"{item.kind} of {item.dataset} at {item.what} stays: a running study uses it")
    print(f"removed {_amount(gone)}")


def _amount(items: Sequence[CachedFolder]) -> str:
    """`2 audio and 3 features, 1.2 GB`."""
    counts = [f"{number} {kind}" for kind in CACHE_KINDS if (number := sum(item.kind == kind for item in items))]
    return f"{' and '.join(counts) or 'nothing'}, {shown_size(sum(item.size for item in items))}"


def _seconds(age: str) -> float:
    """Seconds in an age such as `30d`, `12h` or `2w`. Raises WrongUsage."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([hdw])", age.strip())
    if match is None:
        raise WrongUsage(
            f"--older-than {age!r} is no age: write a number of hours, days or weeks, as in 12h, 30d or 2w"
        )
    return float(match[1]) * SECONDS[match[2]]


def _ago(when: float) -> str:
    hours = max(0.0, time.time() - when) / 3600
    return f"{hours / 24:.0f} days ago" if hours >= 48 else f"{hours:.0f} h ago" if hours >= 1 else "this hour"
