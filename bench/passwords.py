"""Passwords in URLs must not reach a terminal, a file or MLflow."""

from __future__ import annotations

import re

PASSWORD = re.compile(r"(?P<user>://[^\s:/@]*):\S*@")
SECRET_OPTION = re.compile(r"(?P<key>[?&][^\s=&]*(?:password|passwd|token|secret)[^\s=&]*)=[^\s&]*", re.IGNORECASE)


def without_password(text: str) -> str:
    """The text with the passwords of the URLs in it replaced by `***`."""
    return SECRET_OPTION.sub(r"\g<key>=***", PASSWORD.sub(r"\g<user>:***@", text))
