"""Removes the paths and addresses of this machine from records before they are published."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

from bench.plugins.references import last_part
from bench.trial import TrialResult

_LOCAL_OPTIONS = ("--data-dir", "--results", "--tracking-uri", "--storage")
_DATASET_OPTIONS = ("--dataset", "-d")
_FOLDERS = re.compile(r"(?<![\w.:/~])~?(?:/[^/\s'\"<>|:;,()]+)+/(?=[^/\s])")
"""The folders of an absolute path, up to its last part; not those of an address."""
_LOCAL_KEYWORDS = ("data_dir", "results", "tracking_uri", "storage")


def portable_command(command: str) -> str:
    """Returns a command line, or a call from Python, without the folders and servers of this machine.

    A configuration file keeps its name.
    """
    if command.startswith("bench."):
        return _portable_call(command)
    try:
        words = iter(shlex.split(command))
    except ValueError:  # The command has an unbalanced quote.
        return command
    portable_words = []
    for word in words:
        option, equals, value = word.partition("=")
        if option not in (*_LOCAL_OPTIONS, *_DATASET_OPTIONS, "--config"):
            portable_words.append(without_folders(word))
            continue
        value = value if equals else next(words, "")
        if option == "--config":
            portable_words += [option, Path(value).name]
        if option in _DATASET_OPTIONS:
            portable_words += [option, portable_reference(value)]
    return shlex.join(portable_words)


def portable_reference(dataset: str) -> str:
    """Returns `folder:recordings` of `folder:/home/ann/recordings/`, or of another spelling of that."""
    name, colon, argument = dataset.partition(":")
    if not any(separator in argument for separator in "/\\") and argument not in (".", ".."):
        return dataset
    return f"{name}{colon}{last_part(argument)}"


def without_folders(text: str) -> str:
    """Returns a text with absolute paths of this machine reduced to their last part."""
    return _FOLDERS.sub("", text)


def _portable_call(command: str) -> str:
    call = ast.parse(command, mode="eval").body
    if isinstance(call, ast.Call):
        call.keywords = [keyword for keyword in call.keywords if keyword.arg not in _LOCAL_KEYWORDS]
        for constant in ast.walk(call):
            if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                constant.value = without_folders(portable_reference(constant.value))
    return ast.unparse(call)


def without_traceback(result: TrialResult) -> TrialResult:
    """Returns a result without its traceback, which holds paths of this machine."""
    return result.model_copy(update={"traceback": ""})
