"""Sources of tiny plugin packages that have one mistake each."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent, indent

HEAD = """\
from typing import Annotated, ClassVar

from bench.plugins import (
    Archive, Choice, Clip, Dataset, Feature, Float, Infeasible, Int, Listing, Model, PluginConfig, Recipe,
    TrainingSettings, hookimpl,
)
"""
LINEAR = """\
network = nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1], classes))
"""


@dataclass(frozen=True)
class Mistake:
    """A mistake, and what is said of it.

    Attributes:
        name: Name of its package and, if it has one, of its plugin.
        mistake: What the author did.
        words: What the check says, a part of it.
        source: The module of the package.
        module: The module that the entry point names, if not the package's own.
    """

    name: str
    mistake: str
    words: str
    source: str
    module: str = ""


def hook(kind: str, returned: str, mark: str = "@hookimpl") -> str:
    return f"\n{mark}\ndef bench_{kind}s():\n    return {returned}\n"


def model(
    name: str,
    *,
    network: str = LINEAR,
    forward: str = "",
    fields: str = "",
    title: str = "",
    doc: str = '"""A tiny model."""',
    base: str = "Model",
    brings: str = "[Tiny]",
    mark: str = "@hookimpl",
) -> str:
    """A model whose `network` is made from `shape` and `classes`, and whose module then runs `forward` on `batch`."""
    run = dedent(forward) or "return self.network(batch)\n"
    return (
        HEAD
        + "from torch import nn\nimport torch\n\nclass Net(nn.Module):\n"
        + "    def __init__(self, network, classes):\n        super().__init__()\n        self.network = network\n"
        + "        self.extra = None\n        self.classes = classes\n"
        + "    def forward(self, batch):\n"
        + indent(run, " " * 8)
        + f"\nclass Tiny({base}):\n    {doc}\n    {title or f'name: ClassVar[str] = {name!r}'}\n"
        + indent(dedent(fields), " " * 4)
        + "    def build(self, shape, classes):\n"
        + "        if len(shape) != 2:\n            raise Infeasible('it takes [bands, frames]')\n"
        + indent(dedent(network), " " * 8)
        + "        return Net(network, classes)\n"
        + hook("model", brings, mark)
    )


def feature(name: str, forward: str, *, shape: str = "(samples,)", build: str = "", init: str = "pass") -> str:
    """A feature whose module runs `forward` on `waveforms`."""
    return (
        HEAD
        + "import torch\nfrom torch import nn\n\nclass Front(nn.Module):\n"
        + f"    def __init__(self):\n        super().__init__()\n{indent(dedent(init), ' ' * 8)}\n"
        + f"    def forward(self, waveforms):\n{indent(dedent(forward), ' ' * 8)}\n"
        + f"\nclass Tiny(Feature):\n    '''A tiny feature.'''\n    name: ClassVar[str] = {name!r}\n"
        + "    sample_rate: int = 8000\n    '''Rate.'''\n"
        + f"    def build(self):\n{indent(dedent(build) or 'return Front()', ' ' * 8)}\n"
        + f"    def shape(self, samples):\n        return {shape}\n"
        + hook("feature", "[Tiny]")
    )


CLIPS = "[Clip(f'{split}-{label}.wav', label, split) for split in ('train', 'validation', 'test') for label in 'ab']"
FILES = tuple(f"{split}-{label}.wav" for split in ("train", "validation", "test") for label in "ab")
"""Files that the folder of every data set here has."""


def dataset(
    name: str, *, clips: str = "", labels: str = "('a', 'b')", source: str = "'https://example.org'", more: str = ""
) -> str:
    """A data set that lists `clips`, which may use CLIPS, those of FILES."""
    listing = clips or "Listing(tuple(CLIPS))"
    return (
        HEAD
        + f"CLIPS = {CLIPS}\n\nclass Tiny(Dataset):\n    '''A tiny data set.'''\n    name: ClassVar[str] = {name!r}\n"
        + f"    folder: ClassVar[str] = 'tiny'\n    source: ClassVar[str] = {source}\n"
        + indent(dedent(more), " " * 4)
        + f"    def labels(self):\n        return {labels}\n    def clips(self, root):\n        return {listing}\n"
        + hook("dataset", "[Tiny]")
    )


def recipe(name: str, changes: str) -> str:
    parts = (
        f"name={name!r}, summary='A recipe.', datasets=('fsdd',), feature=PluginConfig(name='mel'), "
        "model=PluginConfig(name='cnn'), training=TrainingSettings()"
    )
    return HEAD + hook("recipe", f"[Recipe(**{{**dict({parts}), **dict({changes})}})]")


HIDDEN = """\
hidden: {}
'''Units of the hidden layer.'''
"""
