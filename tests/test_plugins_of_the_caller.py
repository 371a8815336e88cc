"""Plugin classes of a calling script: how they enter the registry, and how they reach another process."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import ClassVar

import pytest
from torch import nn

from bench.errors import BenchError
from bench.plugins import Feature, Model, PluginConfig
from bench.plugins.code import code_digest
from bench.plugins.registry import CALLER, PluginSource, installed

LOCK = threading.Lock()


class Mine(Model):
    """A linear layer."""

    name: ClassVar[str] = "mine"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return nn.Linear(shape[0], classes)


class Other(Mine):
    """The same by another name."""

    name: ClassVar[str] = "other"


def test_an_extended_registry_holds_the_classes_and_the_old_one_stays_as_it_is() -> None:
    registry = installed().extended(models=[Mine])
    assert registry.models["mine"] is Mine and "mine" not in installed().models
    assert registry.model(PluginConfig(name="mine")) == Mine()
    package = registry.package_of(Mine())
    assert package is not None and package.distribution == CALLER and len(package.version) == 8
    assert registry.versions() == {**installed().versions(), CALLER: package.version}
    both = registry.extended(models=[Other, Mine])
    assert {"mine", "other"} <= both.models.keys() and both.versions()[CALLER] != package.version
    assert {str(origin) for key, origin in both.origins.items() if key[1] in ("mine", "other")} == {
        f"{CALLER} {both.versions()[CALLER]}"
    }


def test_installed_classes_extend_nothing() -> None:
    assert installed().extended(models=[installed().models["cnn"]]) is installed()


def test_a_name_that_is_installed_is_refused() -> None:
    class Cnn(Mine):
        name: ClassVar[str] = "cnn"

    with pytest.raises(BenchError, match=r"model 'cnn' is already brought by bench-audio .*: choose another name"):
        installed().extended(models=[Cnn])
    assert installed().models["cnn"] is not Cnn


def test_what_is_no_plugin_of_its_kind_is_refused() -> None:
    with pytest.raises(BenchError, match="Mine is no Feature: derive it from"):
        installed().extended(features=[Mine])  # type: ignore[list-item]


def test_a_class_that_uses_what_cannot_be_pickled_is_refused_before_any_process_starts() -> None:
    class Locked(Mine):
        name: ClassVar[str] = "locked"

        def build(self, shape: tuple[int, ...], classes: int, lock: object = LOCK) -> nn.Module:
            return nn.Linear(shape[0], classes)

    with pytest.raises(
        BenchError,
        match=r"^model locked cannot be sent to worker processes \(.*lock.*\): put it into a module, or run with workers=0$",
    ):
        installed().extended(models=[Locked]).portable()


def test_classes_of_scripts_and_functions_have_no_digest_by_which_results_are_cached() -> None:
    class Local(Feature):
        name: ClassVar[str] = "local"

    assert code_digest(Local, CALLER) is None
    assert code_digest(Mine, CALLER) is not None


def test_a_registry_of_installed_packages_is_a_few_words() -> None:
    assert installed().portable() == PluginSource()


SCRIPT = """
import pickle, sys
from typing import Annotated, ClassVar
from torch import nn
import bench.plugins
from bench.plugins import Choice, Feature, Model
from bench.plugins.registry import installed
import neighbour

FACTOR = 3

class Wide(nn.Module):
    def __init__(self, units, classes):
        super().__init__()
        self.layer = nn.Linear(units, FACTOR * classes)

class Scripted(Model):
    '''A model of the script.'''
    name: ClassVar[str] = "scripted"
    width: Annotated[int, Choice(4, 8)] = 4
    def build(self, shape, classes):
        return Wide(self.width, classes)

registry = installed().extended(models=[Scripted, neighbour.Near])
pickle.dump((registry.portable(), sys.path, registry.versions()), open(sys.argv[1], "wb"))
print("the script runs")
"""
NEIGHBOUR = """
from typing import ClassVar
from torch import nn
from bench.plugins import Model

class Near(Model):
    '''A model of a module beside the script.'''
    name: ClassVar[str] = "near"
    def build(self, shape, classes):
        return nn.Linear(shape[0], classes)
"""
WORKER = """
import pickle, sys
source, path, versions = pickle.load(open(sys.argv[1], "rb"))
sys.path[:] = path
registry = source.load()
from bench.plugins import PluginConfig
from bench.plugins.annotations import search_ranges
network = registry.model(PluginConfig(name="scripted", options={"width": 8})).build((40, 10), 2)
print(tuple(network.layer.weight.shape), registry.models["near"].__module__, registry.versions() == versions)
print(search_ranges(registry.models["scripted"])["width"], registry.package_of(registry.models["near"]()))
"""


def test_classes_of_a_script_and_of_a_module_beside_it_reach_another_process(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text(NEIGHBOUR)
    script, worker, source = tmp_path / "script.py", tmp_path / "elsewhere" / "worker.py", tmp_path / "source.pickle"
    worker.parent.mkdir()
    script.write_text(SCRIPT)
    worker.write_text(WORKER)
    assert run(script, source) == "the script runs\n", "written before it is read, by a process that has ended"
    first, second = run(worker, source).splitlines()
    assert first == "(6, 8) neighbour True"
    assert second.startswith(f"4 | 8 {CALLER} ")


def test_a_class_whose_module_another_process_does_not_find_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text(NEIGHBOUR)
    script, source = tmp_path / "script.py", tmp_path / "source.pickle"
    script.write_text(SCRIPT)
    run(script, source)
    lost = tmp_path / "lost"
    lost.mkdir()
    worker = lost / "worker.py"
    worker.write_text(
        "import pickle, sys\n"
        "source, *_ = pickle.load(open(sys.argv[1], 'rb'))\n"
        "from bench.errors import BenchError\n"
        "try:\n    source.load()\nexcept BenchError as error:\n    print(error)\n"
    )
    said = run(worker, source)
    assert said.startswith("model near of the calling script cannot be loaded in a worker process (No module named")


def run(script: Path, *arguments: Path) -> str:
    command = [sys.executable, str(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
