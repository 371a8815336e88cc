"""Gives functions that are completed when they are imported, as `bench.run`, docstring and parameters as in `help`."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import griffe

PLACEHOLDER = "KEYWORDS"
"""Stands in the source where the options of a run are filled in."""


class RuntimeDocstrings(griffe.Extension):
    """An extension of griffe, which reads the source alone."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Takes docstring and parameters of the function itself where those of the source are not whole."""
        if func.docstring and PLACEHOLDER in func.docstring.value.split():
            function = getattr(import_module(func.module.path), func.name)
            func.docstring.value = inspect.getdoc(function) or func.docstring.value
            func.parameters = griffe.Parameters(*map(_parameter, inspect.signature(function).parameters.values()))


def _parameter(given: inspect.Parameter) -> griffe.Parameter:
    required = given.default is inspect.Parameter.empty
    kind = griffe.ParameterKind(given.kind.description)
    annotation = None if given.annotation is inspect.Parameter.empty else _shown(given.annotation)
    return griffe.Parameter(
        given.name, annotation=annotation, kind=kind, default=None if required else repr(given.default)
    )


def _shown(annotation: Any) -> str:
    return (
        annotation
        if isinstance(annotation, str)
        else inspect.formatannotation(annotation).replace("bench.plugins.contracts.", "")
    )
