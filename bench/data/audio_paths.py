"""Which audio files a person means: files, folders with all that is below them, and patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path

from bench.audio_suffixes import AUDIO_SUFFIXES, FOREIGN_AUDIO_SUFFIXES

WILDCARDS = frozenset("*?[")


def audio_paths(named: Iterable[str | PathLike[str]]) -> Iterator[str]:
    """The files that are meant, in the order given, as paths that begin as they were typed.

    Args:
        named: A file stands for itself, whatever its name. A folder stands for the recordings in and below it, sorted by
            name: files whose names end as those of audio do, hidden ones left out. What does not exist and has one of the
            signs `*?[` is a pattern (`**` for folders of any depth). Names of which nothing comes stand for
            themselves, so that whoever opens them says what is wrong.
    """
    for name in (os.fspath(path) for path in named):
        path = Path(name).expanduser()
        if path.is_dir():
            yield from _below(path) or [name]
        elif WILDCARDS & set(name) and not path.exists():
            matched = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 (Path.glob takes no absolute patterns)
            yield from [file for file in matched if Path(file).is_file()] or [name]
        else:
            yield str(path)


def _below(folder: Path) -> list[str]:
    endings = AUDIO_SUFFIXES | FOREIGN_AUDIO_SUFFIXES  # those that cannot be read are to be said, not passed over
    paths = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths += [
            Path(parent) / name for name in files if not name.startswith(".") and Path(name).suffix.lower() in endings
        ]
    return [str(path) for path in sorted(paths)]
