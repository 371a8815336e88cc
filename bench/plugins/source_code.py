"""What a plugin's code is, told by its source, so that rows of two networks never share a name.

The digest is over syntax trees: comments, docstrings and layout change nothing, any other change does. It covers the modules
of the class and its bases, and what these import of their own package (or of the folder beside a script), wherever in the
file. Classes of a script, a notebook or a function are followed name by name instead, and the rest of the script is free to
change. Other packages are covered by their versions, which stand with every result. Files that are not Python, and modules
whose names are made at run time, are not covered. `bench/plugins/code.py` digests whole packages for caches.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import linecache
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from bench.plugins.contracts import Plugin

FOREIGN = frozenset({"bench", "pydantic"}) | sys.stdlib_module_names - {"__main__"}
"""Top packages whose code is no part of a plugin."""
INSTALLED = ("site-packages", "dist-packages")
"""Folders whose modules are not beside each other because they belong together."""
PLAIN = (bool, int, float, complex, str, bytes, tuple, list, dict, set, frozenset, type(None))

Folders = tuple[tuple[Path, str], ...]
"""Folders that modules are looked for in, each with the one top package that is meant; empty for any."""


def source_digest(plugin: type[Plugin]) -> str:
    """12 hex digits over the code that a plugin's class runs, as its source is now."""
    definitions: dict[str, str] = {}
    modules: set[str] = set()
    for base in plugin.__mro__:
        if _top(base.__module__) in FOREIGN:
            continue
        if is_by_value(base):
            modules |= _follow(base, definitions)
        else:
            modules.add(base.__module__)
    folders = tuple(dict.fromkeys(folder for name in sorted(modules) for folder in _folders(name)))
    parts = [*definitions.items(), *_modules(modules, folders).items()]
    return hashlib.sha256("\x1f".join(f"{name} {digest}" for name, digest in sorted(parts)).encode()).hexdigest()[:12]


def is_by_value(plugin: type) -> bool:
    """Whether a class goes to other processes by value: none of them can import the script or function that made it."""
    loaded = sys.modules.get(plugin.__module__)
    return (
        plugin.__module__ == "__main__"
        or "<locals>" in plugin.__qualname__
        or getattr(loaded, "__file__", None) is None
    )


def _top(module: str) -> str:
    return module.partition(".")[0]


def _folders(module: str) -> Folders:
    """Where the modules lie that belong to the one named: its package, or the folder that it is in if it has none."""
    loaded = sys.modules.get(_top(module))
    if paths := getattr(loaded, "__path__", ()):
        return tuple((Path(path).parent, _top(module)) for path in paths)
    file = getattr(loaded, "__file__", None)
    if file is None and module != "__main__":
        return ()
    folder = Path.cwd() if file is None else Path(file).parent  # a notebook's modules lie where it runs
    return ((folder, _top(module) if folder.name in INSTALLED else ""),)


def _modules(names: set[str], folders: Folders) -> dict[str, str]:
    """Digest of every module named, and of those that they import from `folders`, by name."""
    digests: dict[str, str] = {}
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        path = _file(name, folders)
        if path is None or name in digests:
            continue
        digests[name], imported = _read(path, path.stat().st_mtime_ns, name)
        for module, attribute in imported:
            inner = f"{module}.{attribute}"
            waiting.add(inner if attribute and _file(inner, folders) is not None else module)
    return digests


def _file(name: str, folders: Folders) -> Path | None:
    for folder, top in folders:
        if top and _top(name) != top:
            continue
        stem = folder.joinpath(*name.split("."))
        for path in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"):
            if path.is_file():
                return path
    return None


@cache
def _read(path: Path, changed: int, name: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """Digest of a module's file, and what it imports as (module, attribute); the attribute is empty for whole modules."""
    tree = ast.parse(path.read_bytes())
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    imported: set[tuple[str, str]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            imported |= {(module, alias.name) for alias in node.names}
    return _digest(tree), frozenset(imported)


def _digest(tree: ast.AST) -> str:
    return hashlib.sha256("".join(_canonical(tree)).encode()).hexdigest()


def _canonical(node: Any) -> Iterator[str]:
    """A syntax tree as text that is the same in every version of Python: fields that are empty are left out."""
    if isinstance(node, ast.AST):
        yield f"({type(node).__name__}"
        for name, value in ast.iter_fields(node):
            if value is not None and value != []:
                yield f" {name}="
                yield from _canonical(value)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for each in node:
            if not _is_text(each):
                yield from _canonical(each)
        yield "]"
    else:
        yield ascii(node)


def _is_text(node: Any) -> bool:
    """Whether a statement is a docstring, or another string that stands for itself."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _follow(base: type, definitions: dict[str, str]) -> set[str]:
    """Digests a class of a script with every definition of the script that it reaches by name, into `definitions`.

    Returns:
        Names of the modules that these use.
    """
    modules: set[str] = set()
    waiting: list[Any] = [base]
    while waiting:
        thing = waiting.pop()
        name = f"{thing.__module__}.{thing.__qualname__}"
        if name in definitions:
            continue
        tree = _definition(thing)
        definitions[name] = _compiled(thing) if tree is None else _digest(tree)
        for used, value in _used(thing, tree):
            if isinstance(value, ModuleType):
                modules.add(value.__name__)
            elif isinstance(value, type | FunctionType) and value.__module__ == base.__module__:
                waiting.append(value)
            elif isinstance(value, type | FunctionType):
                modules.add(value.__module__)
            elif isinstance(value, PLAIN) and " at 0x" not in (text := ascii(value)):
                definitions[f"{name}:{used}"] = text
    beside = {name for name in modules if _top(name) not in FOREIGN}
    own = _folders(base.__module__)
    return {name for name in beside if _file(name, own) is not None}


def _functions(thing: Any) -> list[FunctionType]:
    """The functions of a class that its body defines, in the order of their names; a function itself."""
    if isinstance(thing, FunctionType):
        return [thing]
    unwrapped = (
        getattr(value, "__func__", value) for _, value in sorted(vars(thing).items(), key=lambda item: item[0])
    )
    return [each for each in unwrapped if isinstance(each, FunctionType) and each.__module__ == thing.__module__]


def _definition(thing: Any) -> ast.AST | None:
    """The syntax tree of a class or function; None if Python does not know its source.

    A class is found by its functions, whose source Python knows in notebooks, too.
    """
    for function in _functions(thing):
        lines = linecache.getlines(function.__code__.co_filename, function.__globals__)
        try:
            tree = ast.parse("".join(lines))
        except SyntaxError:
            continue
        line, nearest = function.__code__.co_firstlineno, None
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef | ast.FunctionDef) or node.name != thing.__name__:
                continue
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first <= line <= (node.end_lineno or first):
                nearest = node
        if nearest is not None:
            return nearest
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError, SyntaxError):
        return None


def _used(thing: Any, tree: ast.AST | None) -> Iterator[tuple[str, Any]]:
    """Names that a class or function uses, with what they stand for now in its closures and its module."""
    functions = _functions(thing)
    scope = dict(vars(sys.modules[thing.__module__])) if thing.__module__ in sys.modules else {}
    for function in functions:
        scope |= function.__globals__
    for function in functions:
        scope |= inspect.getclosurevars(function).nonlocals
    if tree is None:
        names = {name for function in functions for name in _names(function.__code__)}
    else:
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for name in sorted(names & scope.keys()):
        yield name, scope[name]


def _names(code: CodeType) -> Iterator[str]:
    yield from (*code.co_names, *code.co_freevars)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _compiled(thing: Any) -> str:
    """A digest of the compiled functions of what has no source, which holds for one version of Python."""

    def parts(code: CodeType) -> Iterator[str]:
        yield code.co_code.hex()
        yield ascii(code.co_names)
        for constant in code.co_consts:
            yield from parts(constant) if isinstance(constant, CodeType) else [ascii(constant)]

    text = "\x1f".join(part for function in _functions(thing) for part in parts(function.__code__))
    return hashlib.sha256(text.encode()).hexdigest()
