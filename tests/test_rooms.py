"""The rooms of the harness and who may import whom, read from the code."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import bench

HOUSE = Path(bench.__file__).parent
REPOSITORY = Path(__file__).parents[1]
PACKAGES = (
    HOUSE,
    REPOSITORY / "plugins" / "bench_plugins",
    REPOSITORY / "plugins" / "example" / "bench_example",
    REPOSITORY / "plugins" / "slurm" / "bench_slurm",
    REPOSITORY / "perf",
)
"""The folders of all packages: the harness, the plugins that ship with it, the packages of examples, the measurements."""
ROOMS = (
    "plugins",
    "data",
    "evaluation",
    "training",
    "trial",
    "results",
    "executors",
    "tracking",
    "search",
    "reporting",
    "export",
    "api",
    "cli",
)
"""From the ground up: a room imports only from rooms before it. Modules of the house itself are open to all."""


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def modules(package: Path) -> dict[str, Path]:
    """Every module of a package by its name."""
    found = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported_modules(path: Path, known: Collection[str]) -> Iterator[str]:
    """The known modules that a file imports: at its top, in a function, or for type checking alone."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module not in known:
                continue
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in known else str(node.module) for name in names)


def test_no_module_imports_itself_by_way_of_others() -> None:
    """No circle, not even one that an import inside a function, or for type checking, would hide."""
    known = {name: path for package in PACKAGES for name, path in modules(package).items()}
    assert {name.partition(".")[0] for name in known} == {
        "bench",
        "bench_plugins",
        "bench_example",
        "bench_slurm",
        "perf",
    }
    graph = {name: sorted(set(imported_modules(path, known))) for name, path in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other in a circle: {' <- '.join(error.args[1])}")


def test_every_folder_is_a_room() -> None:
    folders = {path.name for path in HOUSE.iterdir() if (path / "__init__.py").exists()}
    assert folders == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_rooms_above_it(room: str) -> None:
    allowed = ROOMS[: ROOMS.index(room) + 1]
    for path in (HOUSE / room).rglob("*.py"):
        for name in imports(path):
            parts = name.split(".")
            assert parts[0] != "bench_plugins", f"{path} imports a plugin by name"
            if parts[0] == "bench" and len(parts) > 1 and (HOUSE / parts[1]).is_dir():
                assert parts[1] in allowed, f"{path} imports {name} from a room below its own"


LIBRARIES = (
    *(("mlflow", "tracking"), ("optuna", "search"), ("soundfile", "data")),
    *(("onnx", "export"), ("onnxruntime", "export"), ("onnxscript", "export")),
)
"""Libraries, and the one room that imports each."""
CARRIED = HOUSE / "tracking" / "audio_classifier.py"
"""Runs elsewhere, without bench: MLflow keeps a copy of it with each registered model."""


@pytest.mark.parametrize(("library", "room"), LIBRARIES)
def test_a_library_stays_in_its_room(library: str, room: str) -> None:
    users = {
        path.relative_to(HOUSE).parts[0]
        for path in set(HOUSE.rglob("*.py")) - {CARRIED}
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert users <= {room}


def test_what_is_carried_elsewhere_imports_nothing_of_bench() -> None:
    assert not any(name.split(".")[0] == "bench" for name in imports(CARRIED))
    assert not any("audio_classifier" in name for path in HOUSE.rglob("*.py") for name in imports(path))
