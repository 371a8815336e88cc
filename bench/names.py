"""Names that come from files (pages, records, manifests), checked before they become part of a path.

A record declares such a field as `FileName` or `RunReference`, and so holds no other name.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_FILE_NAME = re.compile(r"[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]{0,199}")
"""One part of a path, on any system, that is neither hidden nor `..`."""


def _file_name(name: str) -> str:
    if not _FILE_NAME.fullmatch(name):
        raise ValueError(f"{name[:80]!r} is no name that a file or folder can have")
    return name


def _run_reference(name: str) -> str:
    for part in name.split("/", 1):
        _file_name(part)
    return name


FileName = Annotated[str, AfterValidator(_file_name)]
"""The name of one file or folder."""
RunReference = Annotated[str, AfterValidator(_run_reference)]
"""`STUDY/RUN`."""
