"""Plugin packages made on the spot: a module and the metadata that an installed distribution has."""

from __future__ import annotations

from pathlib import Path

TINY_MODEL = '''
from typing import ClassVar
from torch import nn
from bench.plugins import Feature, Model, hookimpl

class Tiny(Model):
    """A tiny model."""
    name: ClassVar[str] = "{name}"
    def build(self, shape, classes):
        return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))

class Front(Feature):
    """A tiny front end."""
    name: ClassVar[str] = "{name}"
    def build(self):
        return nn.Identity()
    def shape(self, samples):
        return (samples,)

@hookimpl
def bench_models():
    return [Tiny]
'''


def install(site: Path, package: str, source: str, *, version: str = "1.2", module: str = "") -> None:
    """Puts a distribution `package` with one module into `site`, a folder on sys.path; its entry point may name another."""
    named = module
    module = package.replace("-", "_")
    (site / f"{module}.py").write_text(source)
    describe(site, package, named or module, version=version)


def describe(site: Path, package: str, module: str, *, version: str = "1.2") -> None:
    """Writes the metadata of a distribution whose entry point names `module`."""
    own = package.replace("-", "_")
    metadata = site / f"{own}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    (metadata / "entry_points.txt").write_text(f"[bench]\n{own} = {module}\n")
