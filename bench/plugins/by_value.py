"""Plugin classes of the calling script as bytes that another process can load."""

from __future__ import annotations

import pickle
from typing import Any

from bench.errors import BenchError, one_line
from bench.plugins.contracts import Plugin


def pickled(kind: str, plugin: type[Plugin]) -> bytes:
    """A class as bytes: by reference if another process can import its module, otherwise by value.

    Raises:
        BenchError: If the class, or something that its methods use, cannot be pickled.
    """
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(plugin))
    except Exception as error:  # cloudpickle passes on whatever the object at fault raises
        raise BenchError(
            f"{kind} {plugin.name} cannot be sent to worker processes ({one_line(error)[:200]}): "
            "put it into a module, or run with workers=0"
        ) from None


def unpickled(kind: str, name: str, content: bytes) -> Any:
    """The class that `pickled` wrote.

    Raises:
        BenchError: If it cannot be loaded here, as where its module is missing.
    """
    try:
        return pickle.loads(content)  # written by the process that started this one
    except Exception as error:  # whatever the module of the class raises
        raise BenchError(
            f"{kind} {name} of the calling script cannot be loaded in a worker process ({one_line(error)[:200]}): "
            "put it into an installed package, or run with workers=0"
        ) from None
