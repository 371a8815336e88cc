"""Who may see a `bench ui`, and how they show it: links that work once, the cookie that one leaves, and a key for programs.

A port on loopback is open to every account of the machine, so that an address alone may open nothing. A link can be seen by
others, too, in the command line of the browser that opens it, so it works once. Cookies are sent to every port of a host,
servers of other accounts among them: this one is for a path that only its owner knows.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from dataclasses import dataclass, field
from hashlib import sha256

KEY_VARIABLE = "MLFLOW_TRACKING_TOKEN"
"""MLflow's own variable for the token that its client sends. A server takes its key from it, to keep it over a restart."""
COOKIE = "bench-ui"


def _new_key() -> str:
    return os.environ.get(KEY_VARIABLE) or secrets.token_urlsafe(24)


@dataclass(frozen=True)
class Access:
    """The secrets of one server, which it shares with the process that started it. They are in no command line or file."""

    writable: bool = False
    """Whether more than looking is allowed."""
    key: str = field(default_factory=_new_key, repr=False)
    path: str = field(default_factory=lambda: secrets.token_urlsafe(9), repr=False)
    """The first part of the path of every page."""

    def link(self) -> str:
        """The path of a page that opens once, for whoever comes first."""
        once = secrets.token_urlsafe(12)
        return f"{self.path}/?link={once}.{self._signature('link', once)}"

    def is_link(self, text: str) -> bool:
        """Whether `text` is what stands behind `link=` in one of our links."""
        once, _, signature = text.partition(".")
        return _same(signature, self._signature("link", once))

    def cookie(self) -> str:
        """What a browser is given that came by a link."""
        return self._signature("cookie", self.path)

    def is_cookie(self, text: str) -> bool:
        return _same(text, self.cookie())

    def is_authorization(self, header: str) -> bool:
        """Whether a program's `Authorization` header holds the key: as a token, or as the password of any user."""
        scheme, _, value = header.partition(" ")
        if scheme.lower() == "basic":
            try:
                value = base64.b64decode(value, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return False
        elif scheme.lower() != "bearer":
            return False
        return _same(value, self.key)

    def _signature(self, purpose: str, text: str) -> str:
        return hmac.new(self.key.encode(), f"{purpose} {text}".encode(), sha256).hexdigest()[:32]


def _same(given: str, right: str) -> bool:
    """Compares in a time that does not tell how much of it is right."""
    return hmac.compare_digest(given.encode(errors="surrogateescape"), right.encode(errors="surrogateescape"))
