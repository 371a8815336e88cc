"""What plugins import, and what loading them does not."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench.plugins

PACKAGES = Path(__file__).parents[1] / "plugins"
HEAVY = ("torch", "torchaudio", "librosa", "sklearn", "scipy", "pandas", "numpy", "soundfile", "espeakng_loader")

DECLARATIONS = f"""
import sys
from bench.plugins.annotations import search_ranges
from bench.plugins.registry import load
registry = load(only=["bench_plugins"])
assert not registry.problems and len(registry.models) > 10, registry.problems
for plugin in (*registry.features.values(), *registry.models.values()):
    plugin().config(), search_ranges(plugin), plugin.__doc__
for feature in registry.features.values():
    feature().shape(16000)
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_names_options_ranges_and_shapes_are_known_without_torch() -> None:
    shown = subprocess.run([sys.executable, "-c", DECLARATIONS], capture_output=True, text=True)
    assert (shown.returncode, shown.stdout.strip()) == (0, "[]"), shown.stderr


@pytest.mark.parametrize("path", sorted(PACKAGES.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGES)))
def test_plugins_import_from_bench_plugins_alone(path: Path) -> None:
    allowed = {"bench.plugins"} | ({"bench.plugins.contract_tests"} if "tests" in path.parts else set())
    if "bench_slurm" in path.parts:  # an executor speaks with the scheduler, and runs trials as other nodes do
        allowed |= {"bench.executors.jobs", "bench.executors.node"}
    assert {name for name in imports(path) if name.split(".")[0] == "bench"} <= allowed


@pytest.mark.parametrize("folder", ["networks", "front_ends"])
def test_layers_are_given_plain_values(folder: str) -> None:
    """The modules of networks and front ends can be built without the declarations that are searched."""
    for path in (PACKAGES / "bench_plugins" / folder).glob("*.py"):
        ours = {name for name in imports(path) if name.split(".")[0] in ("pydantic", "bench_plugins")}
        assert all(name.startswith(f"bench_plugins.{folder}.") for name in ours), path


def test_every_name_for_plugin_authors_is_there_once() -> None:
    assert all(hasattr(bench.plugins, name) for name in bench.plugins.__all__)
    assert len(set(bench.plugins.__all__)) == len(bench.plugins.__all__)
