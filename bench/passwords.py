"""Passwords in URLs must not reach a terminal, a file or MLflow."""

from __future__ import annotations

import re

PASSWORD = re.compile(r"(?P<user>://[^\s:/@]*):\S*@")
SECRET_OPTION = re.compile(r"(?P<key>[?&][^\s=&]*(?:password|passwd|token|secret)[^\s=&]*)=[^\s&]*", re.IGNORECASE)


def stripped_of_password(url: str) -> str:
    """The URL without its password, fit to be kept and used again with another source of passwords."""
    return re.sub(r"[?&]$", "", SECRET_OPTION.sub("", PASSWORD.sub(r"\g<user>@", url)))


def without_password(text: str) -> str:
    """The text with the passwords of the URLs in it replaced by `***`."""
    return SECRET_OPTION.sub(r"\g<key>=***", PASSWORD.sub(r"\g<user>:***@", text))
