"""A new plugin package from the template that comes with bench, as texts by path: it passes its own tests at once."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from importlib.util import find_spec
from string import Template

from bench.errors import BenchError, WrongUsage
from bench.plugins.contracts import Plugin
from bench.plugins.hookspecs import CONTRACTS
from bench.plugins.registry import Registry

PEP_508_NAME = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.IGNORECASE)
ENDING = ".txt"
"""Of the files of the template: what they hold is no module of bench."""


@dataclass(frozen=True)
class TemplatePart:
    """What the template has for one kind of plugin.

    Attributes:
        module: The module that declares it.
        symbol: What that module calls it, in which `{title}` stands for the package's name.
        suffix: The plugin's name after that of the package.
        what: What it is, in a sentence.
    """

    module: str
    symbol: str
    suffix: str
    what: str


PARTS = {
    "model": TemplatePart("model", "{title}Net", "net", "a model"),
    "feature": TemplatePart("feature", "{title}Bands", "bands", "a feature"),
    "dataset": TemplatePart("dataset", "{title}Tones", "tones", "a data set"),
    "recipe": TemplatePart("recipe", "BASELINE", "baseline", "a recipe"),
    "metric": TemplatePart("metric", "{title}Confidence", "confidence", "a metric"),
    "section": TemplatePart("section", "{title}CertainErrors", "certain-errors", "a section of reports"),
}
"""What can be asked for, by kind."""


@dataclass(frozen=True)
class PackageName:
    """The name of a package: of its distribution and folder, of its module, and within the names of classes."""

    name: str

    @property
    def module(self) -> str:
        """`bird_songs`."""
        return self.name.replace("-", "_")

    @property
    def title(self) -> str:
        """`BirdSongs`."""
        return "".join(word.capitalize() for word in self.name.split("-"))


def package_name(given: str) -> PackageName:
    """The name that a package gets: lower-case words joined by hyphens, as package indexes normalise it.

    Raises:
        WrongUsage: If no package or no module may be called so.
    """
    if not PEP_508_NAME.fullmatch(given) or len(given) > 50:
        raise WrongUsage(
            f"{given!r} is no name of a package: give at most 50 letters, digits, '-', '_' and '.', as in bird-songs"
        )
    named = PackageName(re.sub(r"[-_.]+", "-", given).lower())
    if not named.module.isidentifier() or keyword.iskeyword(named.module):
        raise WrongUsage(f"{given!r}: no Python module can be called {named.module}: choose another name")
    return named


def require_free(named: PackageName, kinds: Collection[str], registry: Registry) -> None:
    """Checks that nothing that is installed has the names of the package.

    Raises:
        BenchError: If a distribution, a module or a plugin has.
    """
    try:
        taken = f"a package {distribution(named.name).metadata['Name']} is installed"
    except PackageNotFoundError:
        spec = find_spec(named.module)
        taken = f"a module {named.module} is there already" if spec is not None and spec.origin is not None else ""
    for kind in kinds:
        plugin = f"{named.name}-{PARTS[kind].suffix}"
        if not taken and (origin := registry.origins.get((kind, plugin))) is not None:
            taken = f"{kind} {plugin} is already brought by {origin}"
    if taken:
        raise BenchError(f"{named.name}: {taken}: choose another name")


def new_package(named: PackageName, kinds: Collection[str]) -> dict[str, str]:
    """The files of a package that brings one plugin of every kind asked for.

    Args:
        named: Its name.
        kinds: Kinds of plugins, of PARTS.

    Returns:
        Texts by paths relative to the package's folder.
    """
    chosen = [kind for kind in PARTS if kind in kinds]
    values = _values(named, chosen)
    texts = {f"{named.module}/__init__.py": _hooks(named, chosen)}
    for folder in ("package", *chosen):
        for path, text in _template(folder):
            where = "" if folder == "package" else "tests/" if path.startswith("test_") else f"{named.module}/"
            texts[where + path] = Template(text).substitute(values)
    return texts


def first_run(named: PackageName, kinds: Collection[str]) -> str:
    """The command that leads to a first leaderboard, without a download."""
    dataset = f"{named.name}-tones" if "dataset" in kinds else "spoken-digits"
    models = f"{named.name}-net" if "model" in kinds else "tc-resnet"
    features = f"{named.name}-bands" if "feature" in kinds else "mel"
    return f"bench run --dataset {dataset} --models {models} --features {features} --trials 4 --epochs 4"


def _values(named: PackageName, kinds: list[str]) -> dict[str, str]:
    own = {kind: f"{named.name}-{PARTS[kind].suffix}" for kind in kinds}
    return {
        "name": named.name,
        "module": named.module,
        "title": named.title,
        "brings": ", ".join(f"{PARTS[kind].what} (`{name}`)" for kind, name in own.items()),
        "check": "--make " if "dataset" in kinds else "",
        "run": first_run(named, kinds),
        "recipe_dataset": own.get("dataset", "spoken-digits"),
        "recipe_feature": own.get("feature", "mel"),
        "recipe_model": own.get("model", "cnn"),
    }


def _template(folder: str) -> Iterator[tuple[str, str]]:
    for file in sorted(files("bench.plugins").joinpath("template", folder).iterdir(), key=lambda file: file.name):
        if file.name.endswith(ENDING):
            yield file.name.removesuffix(ENDING), file.read_text(encoding="utf-8")


def _hooks(named: PackageName, kinds: list[str]) -> str:
    """The package's own module: one hook a kind."""
    contracts = {kind: CONTRACTS[kind].__name__ for kind in kinds}
    imported = ", ".join([*sorted(contracts.values()), "hookimpl"])
    opening = '"""Plugins for bench, one hook a kind."""\n\nfrom __future__ import annotations\n\n'
    lines = [f"{opening}from bench.plugins import {imported}\n"]
    for kind in kinds:
        part, contract = PARTS[kind], contracts[kind]
        symbol = part.symbol.format(title=named.title)
        listed = f"type[{contract}]" if issubclass(CONTRACTS[kind], Plugin) else contract
        lines.append(
            f"\n\n@hookimpl\ndef bench_{kind}s() -> list[{listed}]:\n"
            f"    from {named.module}.{part.module} import {symbol}\n\n    return [{symbol}]\n"
        )
    return "".join(lines)
