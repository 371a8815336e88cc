"""Code and pages use the field's words: no word of the tree's own comes back, and a name has one meaning."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODE = sorted(path for folder in ("bench", "plugins") for path in (ROOT / folder).rglob("*.py"))
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]

WORDS = {
    r"(?<!model )(?<!model-)(?<!model_)cards?": "GPU, device",
    r"leash(ed)?": "child process",
    r"watchers?": "callback",
    r"examinations?|examined": "evaluation",
    r"judged": "scored",
    r"torn": "corrupt",
    r"facts?": "metadata",
    r"findings?": "data issue",
    r"(?<!has not )heard": "model input",
    r"feature_store": "feature cache",
    r"made ahead": "prefetched",
    r"tiles?": "image grid",
}
"""Words that no longer stand anywhere, in any spelling of case, and what is written instead. A voice that training has not
heard is plain English."""

IDENTIFIERS = {
    r"found": "registry, or what was found",
    r"kept|copies": "the feature cache; augmented_copies",
    r"places?": "device, location, slot",
    r"answers": "outputs, predictions",
    r"heads?": "scheduler",
    r"ahead|feed": "prefetch, loader",
    r"holding|showing": "locks; deferred tracking",
    r"initial": "initialisation",
}
"""Names that no variable, argument, attribute, function, class or module has; in sentences they are ordinary words."""

ENTRY_POINTS = {"command", "main", "app", "start"}
"""Public names that many modules have, since others look for them: functions of a verb, a program, an executor."""

SAME_BY_DESIGN = (
    {"models", "networks"},
    {"features", "front_ends"},
    {"augmentations", "batch_changes"},
    {"api", "cli"},
)
"""Folders whose modules pair up: a plugin, declared without torch, and what it builds; a verb's function and its command."""


def misused_words(text: str) -> list[str]:
    """`LINE: the word`, for every word that is no longer used."""
    pattern = re.compile(rf"(?<![A-Za-z])(?:{'|'.join(WORDS)})(?![A-Za-z])", re.IGNORECASE)
    lines = enumerate(text.splitlines(), start=1)
    return [f"{number}: {match[0]}" for number, line in lines for match in pattern.finditer(line)]


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every name that the code gives to something, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name


def misused_names(source: str) -> list[str]:
    """`LINE: the name`, for every name that is no longer given."""
    pattern = re.compile("|".join(IDENTIFIERS), re.IGNORECASE)
    return [f"{line}: {name}" for line, name in sorted(names(ast.parse(source))) if pattern.fullmatch(name.strip("_"))]


@pytest.mark.parametrize("text", ["two cards", "def judged():", "feature_store = 1", "a Torn file", "its_findings"])
def test_a_word_that_came_back_is_seen(text: str) -> None:
    assert len(misused_words(f"first line\n{text}")) == 1


@pytest.mark.parametrize("text", ["cardinal", "discard", "artefacts", "a voice that training has not heard"])
def test_ordinary_words_stay(text: str) -> None:
    assert misused_words(text) == []


def test_a_name_that_came_back_is_seen() -> None:
    source = "found = 1\ndef head(place):\n    kept: int = 2\n    self._answers = 'found places'"
    assert misused_names(source) == ["1: found", "2: head", "2: place", "3: kept", "4: _answers"]


@pytest.mark.parametrize("path", [*CODE, *PAGES], ids=lambda path: str(path.relative_to(ROOT)))
def test_words(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    misused = misused_words(text) + (misused_names(text) if path.suffix == ".py" else [])
    where = path.relative_to(ROOT)
    assert not misused, "\n".join(f"{where}:{line} (see WORDS and IDENTIFIERS)" for line in misused)


def test_a_module_has_a_name_of_its_own() -> None:
    modules: dict[str, list[Path]] = defaultdict(list)
    for path in CODE:
        if path.name != "__init__.py":
            modules[path.stem].append(path.relative_to(ROOT))
    twice = {
        name: paths
        for name, paths in modules.items()
        if len(paths) > 1 and not any({path.parent.name for path in paths} == pair for pair in SAME_BY_DESIGN)
    }
    assert not twice
    assert not [name for name in modules if re.fullmatch("|".join(IDENTIFIERS), name)]


def test_a_public_name_of_bench_has_one_meaning() -> None:
    """Constants, functions and classes at the top of modules: two of a name are two meanings of it."""
    defined: dict[str, list[str]] = defaultdict(list)
    for path in CODE:
        if path.is_relative_to(ROOT / "bench"):
            for statement in ast.parse(path.read_text(encoding="utf-8")).body:
                for name in top_names(statement):
                    defined[name].append(str(path.relative_to(ROOT)))
    twice = {name: paths for name, paths in defined.items() if len(paths) > 1 and not name.startswith("_")}
    assert {name: paths for name, paths in twice.items() if name not in ENTRY_POINTS} == {}


def top_names(statement: ast.stmt) -> list[str]:
    """Names that a statement at the top of a module defines."""
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
    return []
