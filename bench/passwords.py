"""Passwords, tokens and keys in URLs must not reach a terminal, a file or MLflow."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

PASSWORD = re.compile(r"(?P<user>://[^\s:/@]*):\S*@")
PASSWORD_OF_ONE = re.compile(r"(?P<user>://[^\s:/@]*):.*@", re.DOTALL)
"""In a text that is one URL, whose password may have spaces."""
TOKEN = re.compile(r"(?P<scheme>\bhttps?://)[^\s:/@?#]+:?@", re.IGNORECASE)
"""A user of HTTP without a password is a token."""
_SECRET_NAME = (
    r"password|passwd|passphrase|pwd|token|secret|credential|signature|(?:api|access|account|auth|private)[_-]?key"
)
SECRET_OPTION = re.compile(
    rf"(?P<key>[?&](?:[^\s=&]*(?:{_SECRET_NAME})[^\s=&]*|key|sig|auth))=(?P<value>[^\s&#]*)", re.IGNORECASE
)
ONE_URL = re.compile(r"(?:--[\w-]+=)?[a-z][a-z0-9+.-]*://[^\n]*", re.IGNORECASE)
TELLING = 3
"""A part of a password that has fewer characters says nothing of it, and is in many words."""


def stripped_of_password(url: str) -> str:
    """The URL without its password, fit to be kept and used again with another source of passwords."""
    url = PASSWORD_OF_ONE.sub(r"\g<user>@", TOKEN.sub(r"\g<scheme>", url))
    while (option := SECRET_OPTION.search(url)) is not None:
        after = url[option.end() :]
        if option[0].startswith("?") and after.startswith("&"):  # the next option is the first one then
            after = f"?{after[1:]}"
        url = url[: option.start()] + after
    return url


def without_password(text: str, *, of: str | None = None) -> str:
    """The text with the passwords, tokens and keys of the URLs in it replaced by `***`.

    Args:
        text: A message, or an address.
        of: The address that the message is about, whose secrets a library may have repeated in other words.
    """
    for secret in sorted(set(_secrets(of or "")), key=len, reverse=True):
        text = text.replace(secret, "***")
    text = TOKEN.sub(r"\g<scheme>***@", text)
    one = ONE_URL.fullmatch(text) is not None and text.count("://") == 1
    text = (PASSWORD_OF_ONE if one else PASSWORD).sub(r"\g<user>:***@", text)
    return SECRET_OPTION.sub(r"\g<key>=***", text)


def command_without_passwords(words: Sequence[str]) -> str:
    """A command line as it can be typed again, but for its passwords."""
    return shlex.join(map(without_password, words))


def _secrets(url: str) -> Iterator[str]:
    """What must not be said of an address: each as it stands there and decoded, whole and in the parts that a parser may
    take it to have."""
    said = [match["value"] for match in SECRET_OPTION.finditer(url)]
    if match := PASSWORD_OF_ONE.search(url):
        said.append(match[0].removeprefix(f"{match['user']}:").removesuffix("@"))
    if match := TOKEN.search(url):
        said.append(match[0].removeprefix(match["scheme"]).rstrip(":@"))
    for secret in said:
        for text in (secret, unquote(secret)):
            yield from (part for part in (text, *re.split(r"[^\w.~-]+", text)) if len(part) >= TELLING)
