"""The rooms of the harness and who may import whom, read from the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench

HOUSE = Path(bench.__file__).parent
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


@pytest.mark.parametrize(("library", "room"), [("mlflow", "tracking"), ("optuna", "search"), ("soundfile", "data")])
def test_a_library_stays_in_its_room(library: str, room: str) -> None:
    users = {
        path.relative_to(HOUSE).parts[0]
        for path in HOUSE.rglob("*.py")
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert users <= {room}
