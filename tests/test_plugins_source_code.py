"""The digest of a plugin's source: what changes it, what does not, and how far it reaches."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest
from torch import nn

from bench.plugins import Model
from bench.plugins.registry import installed
from bench.plugins.source_code import source_digest

MODEL = '''"""A model."""
from __future__ import annotations

from typing import ClassVar

from bench.plugins import Model
from netpack.sizes import WIDTH


class Net(Model):
    """A network."""

    name: ClassVar[str] = "net"

    def build(self, shape, classes):
        from netpack.layers import layers  # only when it is built

        return layers(shape, WIDTH, classes)
'''
FILES = {
    "netpack/__init__.py": "",
    "netpack/model.py": MODEL,
    "netpack/sizes.py": "WIDTH = 8\n",
    "netpack/layers.py": "from . import blocks\n\ndef layers(_, width, classes):\n    return blocks.block(width, classes)\n",
    "netpack/blocks.py": "def block(width, classes):\n    return width * classes\n",
    "netpack/other.py": "UNUSED = 1\n",
}
PRINT = "from bench.plugins.source_code import source_digest; from netpack.model import Net; print(source_digest(Net))"


def digest(folder: Path, changes: dict[str, str], code: str = PRINT) -> str:
    """The digest in a new process, after files were written."""
    for name, content in changes.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    command = [sys.executable, "-B", "-c", code]
    environment = {"PYTHONPATH": f"{folder}:{':'.join(sys.path)}"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def before(tmp_path: Path) -> str:
    return digest(tmp_path, FILES)


@pytest.mark.parametrize(
    "changed",
    [
        {"netpack/sizes.py": "WIDTH = 9\n"},
        {"netpack/blocks.py": "def block(width, classes):\n    return width + classes\n"},
        {"netpack/model.py": MODEL.replace("shape, WIDTH, classes)", "shape, WIDTH + 1, classes)")},
    ],
)
def test_a_change_in_any_module_of_its_own_that_a_plugin_imports_is_another_digest(
    tmp_path: Path, before: str, changed: dict[str, str]
) -> None:
    after = digest(tmp_path, changed)
    assert len(before) == len(after) == 12 and after != before
    assert digest(tmp_path, FILES) == before, "and what was before comes back with the code"


@pytest.mark.parametrize(
    "changed",
    [
        {"netpack/other.py": "UNUSED = 2\n"},
        {"netpack/sizes.py": '"""How wide."""\n\n\nWIDTH    =    8  # units\n"""More words."""\n'},
        {"netpack/model.py": MODEL.replace("A network.", "The network of a paper.").replace("  # only", " # just")},
    ],
)
def test_comments_docstrings_layout_and_other_modules_change_nothing(
    tmp_path: Path, before: str, changed: dict[str, str]
) -> None:
    assert digest(tmp_path, changed) == before


SCRIPT = """
from typing import ClassVar
from torch import nn
from bench.plugins import Model
import beside

WIDTH = 8
TRIALS = 20

def block(units):
    return nn.Linear(units, WIDTH)

class Net(Model):
    name: ClassVar[str] = "net"
    def build(self, shape, classes):
        return nn.Sequential(block(shape[0]), beside.last(WIDTH, classes))

from bench.plugins.source_code import source_digest
if __name__ == "__main__":
    print(source_digest(Net))
"""


def script_digest(folder: Path, script: str, beside: str) -> str:
    (folder / "beside.py").write_text(beside)
    (folder / "script.py").write_text(script)
    command = [sys.executable, "-B", str(folder / "script.py")]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_class_of_a_script_has_the_code_that_it_uses_and_not_the_whole_script(tmp_path: Path) -> None:
    beside = "from torch import nn\n\ndef last(width, classes):\n    return nn.Linear(width, classes)\n"
    before = script_digest(tmp_path, SCRIPT, beside)
    assert script_digest(tmp_path, "# a comment\n" + SCRIPT.replace("TRIALS = 20", "TRIALS = 40"), beside) == before
    others = [
        script_digest(tmp_path, SCRIPT.replace("WIDTH = 8", "WIDTH = 9"), beside),
        script_digest(tmp_path, SCRIPT.replace("units, WIDTH", "units, WIDTH, bias=False"), beside),
        script_digest(
            tmp_path,
            SCRIPT,
            beside.replace("classes)\n", "classes, bias=False)\n").replace(
                "def last(width, classes, bias=False)", "def last(width, classes)"
            ),
        ),
    ]
    assert len({before, *others}) == 4


def made(width: int) -> type[Model]:
    class Net(Model):
        name: ClassVar[str] = "made"

        def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
            return nn.Linear(shape[0], width * classes)

    return Net


def test_a_class_that_a_function_made_has_what_it_closes_over() -> None:
    assert source_digest(made(1)) == source_digest(made(1)) != source_digest(made(2))


def test_a_class_without_source_has_a_digest_of_what_was_compiled() -> None:
    def compiled(width: int) -> type[Model]:
        scope: dict[str, object] = {}
        text = SCRIPT.replace("import beside", "").replace("beside.last(WIDTH, classes)", f"nn.Linear(8, {width})")
        exec(compile(text, "<nowhere>", "exec"), {"__name__": "nowhere"}, scope)
        net = scope["Net"]
        assert isinstance(net, type) and issubclass(net, Model)
        return net

    assert source_digest(compiled(3)) == source_digest(compiled(3)) != source_digest(compiled(4))


def test_what_ships_has_digests_that_differ_and_a_registry_digests_once(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = installed()
    codes = {name: registry.code("model", name) for name in registry.models}
    modules = {model.__module__ for model in registry.models.values()}
    assert len(set(codes.values())) == len(modules), "networks of one file share its code"
    monkeypatch.setattr("bench.plugins.registry.source_digest", None)
    assert codes == {name: registry.code("model", name) for name in registry.models}
