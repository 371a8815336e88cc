"""`bench new plugin NAME`: a plugin package that passes its own tests, to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.common import installed_plugins
from bench.data.folders import building
from bench.errors import BenchError
from bench.plugins.scaffold import first_run, new_package, package_name, require_free

app = typer.Typer(help="Begin something of your own.", no_args_is_help=True)


@app.callback()
def _named() -> None:
    """Begin something of your own."""  # a typer of one command would be that command


@app.command("plugin", epilog="bench new plugin bird-songs   |   bench new plugin bird-songs --model --feature")
def plugin(
    name: Annotated[str, typer.Argument(help="Name of the package, as in bird-songs.", show_default=False)],
    model: Annotated[bool, typer.Option("--model", help="With a model.")] = False,
    feature: Annotated[bool, typer.Option("--feature", help="With a feature.")] = False,
    dataset: Annotated[
        bool, typer.Option("--dataset", help="With a data set. It and a model are the default.")
    ] = False,
    recipe: Annotated[bool, typer.Option("--recipe", help="With a recipe.")] = False,
    metric: Annotated[bool, typer.Option("--metric", help="With a metric.")] = False,
    section: Annotated[bool, typer.Option("--section", help="With a section of a run's report, and a figure.")] = False,
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="Folder that the package's is made in.")
    ] = Path(),
) -> None:
    """Make a plugin package with tests, which passes bench check at once. Nothing is overwritten."""
    asked = {
        "model": model,
        "feature": feature,
        "dataset": dataset,
        "recipe": recipe,
        "metric": metric,
        "section": section,
    }
    kinds = [kind for kind, wanted in asked.items() if wanted] or ["model", "dataset"]
    named = package_name(name)
    folder = output / named.name
    if folder.exists() or folder.is_symlink():
        raise BenchError(f"{folder} is there already, and nothing is overwritten: choose another name, or --output DIR")
    require_free(named, kinds, installed_plugins())
    texts = new_package(named, kinds)
    with building(folder) as made:
        for path, text in texts.items():
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (made / path).write_text(text, encoding="utf-8")
    for path in sorted(texts):
        print(folder / path)
    make = "--make " if "dataset" in kinds else ""
    print(f"\npip install -e {folder}\nbench check {make}{named.name}\npytest {folder}\n{first_run(named, kinds)}")
