"""Models of a few lines, sound and faulty, as installed packages that worker processes find too."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import plugin_packages
import pytest

from bench.plugins.registry import installed

_HEADER = """
import os, signal, time
from typing import Annotated, ClassVar
import torch
from torch import nn
from bench.plugins import Choice, Model, hookimpl
"""


def install(site: Path, name: str, source: str, monkeypatch: pytest.MonkeyPatch, *, version: str = "1.0") -> None:
    """Installs package `name` with this source for the rest of a test: this process finds it, and so do its children."""
    site.mkdir(parents=True, exist_ok=True)
    plugin_packages.install(site, name, _HEADER + source, version=version)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")])))
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, name.replace("-", "_"), raising=False)  # of the same name, of a test before
    installed.cache_clear()


def model(name: str, forward: str = "") -> str:
    """Source of a model that is a linear layer over the mean of all frames, and whose forward pass first runs `forward`.

    `batch` is the feature, float32 [B, bands, frames].
    """
    lines = "\n".join(f"        {line}" for line in forward.strip().splitlines())
    return f"""
class Net(nn.Module):
    def __init__(self, bands, classes):
        super().__init__()
        self.linear = nn.Linear(bands, classes)
    def forward(self, batch):
        if batch.device.type == "meta":
            return self.linear(batch.mean(-1))
{lines}
        return self.linear(batch.mean(-1))

class Small(Model):
    '''A linear layer.'''
    name: ClassVar[str] = "{name}"
    spare: Annotated[int, Choice(1, 2)] = 1
    def build(self, shape, classes):
        return Net(shape[0], classes)

@hookimpl
def bench_models():
    return [Small]
"""
