"""Writes a site into a folder, and replaces one that it wrote before, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from bench.data.folders import building, discard
from bench.errors import BenchError
from bench.files import cannot_write

MARKER = ".bench-site.json"
"""File of a site that lists the others, by which `bench site` knows a folder as its own."""


def write_site(files: Mapping[str, bytes], folder: Path) -> None:
    """Writes the files of a site, all or none.

    Args:
        files: Contents by path in the site, with forward slashes.
        folder: Its folder, which is made, or replaced if `write_site` made it.

    Raises:
        BenchError: The folder holds something that is of somebody else, or it cannot be written.
    """
    target = folder.resolve()  # a link to a folder stays one
    try:
        _refuse_to_replace(target, folder)
    except OSError as error:
        raise BenchError(f"{folder} cannot be read ({error.strerror}): name another folder with --out") from None
    listed = {**files, MARKER: (json.dumps(sorted(files), indent=1) + "\n").encode()}
    with building(target) as made:
        try:
            for path, content in listed.items():
                (made / path).parent.mkdir(parents=True, exist_ok=True)
                (made / path).write_bytes(content)
        except OSError as error:
            raise cannot_write(folder, error) from error
        if target.exists():
            discard(target)


def _refuse_to_replace(folder: Path, shown: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise BenchError(f"{shown} is a file: name a folder with --out")
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    if present and MARKER not in present:
        raise BenchError(f"{shown} was not made by bench site and is left alone: name another folder with --out")
    if others := sorted(present - {MARKER, *_listed(folder / MARKER)}) if present else []:
        raise BenchError(
            f"{shown} has {others[0]}{' and others' if others[1:] else ''}, which bench site did not write, and is left "
            "alone: move it away, or name another folder with --out"
        )


def _listed(marker: Path) -> list[str]:
    """The files that a marker lists; none if it is damaged, so that nothing counts as ours."""
    try:
        listed = json.loads(marker.read_bytes())
    except ValueError:
        return []
    return [path for path in listed if isinstance(path, str)] if isinstance(listed, list) else []
