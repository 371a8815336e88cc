"""What stands before MLflow's server: it lets in who has the link or the key, to what a page of experiments needs.

MLflow's server also starts programs, calls addresses that it is told, and keeps secrets; nothing of that is let through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bench.tracking.access import COOKIE, Access

AsgiMessage = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[AsgiMessage]]
Send = Callable[[AsgiMessage], Awaitable[None]]
Application = Callable[[AsgiMessage, Receive, Send], Awaitable[None]]

PAGE = re.compile(r"/|/static-files/.*|/version|/get-artifact|/model-versions/get-artifact")
"""What the UI is made of, and files of runs."""
API = re.compile(r"/(?:ajax-)?api/[23]\.0/mlflow/(?P<what>.*)")
STORES = "experiments|runs|metrics|artifacts|logged-models|registered-models|model-versions"
"""What MLflow has of experiments: the rest is of language models, of jobs and of other servers."""
READ = re.compile(rf"(?:{STORES})(?:/.*)?|server-info|ui-telemetry")
SEARCHED = re.compile(rf"(?:{STORES})/(?:search|search-datasets)")
"""What is asked by POST and changes nothing."""
GATEWAY = "/ajax-api/2.0/mlflow/gateway-proxy"
GRAPHQL = "/graphql"
"""Searches runs, as what it calls mutations does, too."""
WRITTEN = re.compile(rf"(?:{STORES})(?:/.*)?|upload-artifact")
ARTIFACT_FILES = re.compile(r"/(?:ajax-)?api/2\.0/mlflow-artifacts/(?:artifacts|mpu)(?:/.*)?")
"""Files that clients send and fetch through the server."""

WITHOUT_LINK = (
    "This page opens by the link that bench ui printed. A link works once: press Enter in its terminal for another one."
)
WITHOUT_KEY = "bench ui takes the key that it printed, in MLFLOW_TRACKING_TOKEN or as the password in the address"
READ_ONLY = "bench ui shows these results and changes nothing: start it with --writable for that"
NOT_SERVED = "bench ui serves experiments, runs and their files alone"


class Gate:
    """The ASGI application that lets requests through to `served`."""

    def __init__(self, served: Application, access: Access) -> None:
        self._served = served
        self._access = access
        self._used_links: set[str] = set()

    async def __call__(self, scope: AsgiMessage, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # MLflow's pages use no web sockets.
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        below = f"/{self._access.path}/"
        if scope["path"] == "/health":
            await self._served(scope, receive, send)
        elif scope["path"].startswith(below):
            await self._browser(_moved(scope, below), headers, receive, send)
        elif self._access.is_authorization(headers.get("authorization", "")):
            await self._let_through(scope, receive, send)
        elif headers.get("accept", "").startswith("text/html"):
            await _answer(send, 403, WITHOUT_LINK)
        else:
            await _refuse(send, 401, WITHOUT_KEY)

    async def _browser(self, scope: AsgiMessage, headers: dict[str, str], receive: Receive, send: Send) -> None:
        """A request below the path that is this server's own, of whoever knows it."""
        link = parse_qs(scope["query_string"].decode("latin-1")).get("link", [""])[0]
        known = self._access.is_cookie(_cookie(headers))
        if link and (known or (scope["method"] == "GET" and self._is_fresh(link))):
            self._used_links.add(link)
            cookie = f"{COOKIE}={self._access.cookie()}; Path=/{self._access.path}/; HttpOnly; SameSite=Lax"
            await _answer(send, 303, "", {"location": f"/{self._access.path}/", "set-cookie": cookie})
        elif not known:
            await _answer(send, 403, WITHOUT_LINK)
        elif "origin" in headers and urlsplit(headers["origin"]).netloc != headers.get("host"):
            await _refuse(send, 403, "a page of another address asks for this")
        else:
            await self._let_through(scope, receive, send)

    def _is_fresh(self, link: str) -> bool:
        return self._access.is_link(link) and link not in self._used_links

    async def _let_through(self, scope: AsgiMessage, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        if may_read(method, path) or (self._access.writable and may_write(path)):
            await self._served(scope, receive, send)
        elif may_write(path):
            await _refuse(send, 403, READ_ONLY)
        elif method == "GET" and path == GATEWAY:
            # The UI asks for language models, and shows an error without an answer.
            await _send(send, 200, '{"endpoints": []}', {"content-type": "application/json"})
        else:
            await _refuse(send, 404, NOT_SERVED)


def may_read(method: str, path: str) -> bool:
    """Whether a request asks for something that is shown, and changes nothing."""
    asked = API.fullmatch(path)
    if method in ("GET", "HEAD"):
        return bool(PAGE.fullmatch(path) or ARTIFACT_FILES.fullmatch(path) or (asked and READ.fullmatch(asked["what"])))
    return method == "POST" and (path == GRAPHQL or bool(asked and SEARCHED.fullmatch(asked["what"])))


def may_write(path: str) -> bool:
    """Whether a request is for what `--writable` opens."""
    asked = API.fullmatch(path)
    return bool(ARTIFACT_FILES.fullmatch(path) or (asked and WRITTEN.fullmatch(asked["what"])))


def _moved(scope: AsgiMessage, below: str) -> AsgiMessage:
    """The request as it would be without the first part of its path."""
    raw = scope.get("raw_path") or scope["path"].encode()
    return {**scope, "path": scope["path"][len(below) - 1 :], "raw_path": raw[len(below) - 1 :]}


def _cookie(headers: dict[str, str]) -> str:
    try:
        sent = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return sent.value if sent else ""


ERRORS = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "ENDPOINT_NOT_FOUND"}
"""MLflow's names, which its client knows."""


async def _answer(send: Send, status: int, text: str, headers: dict[str, str] | None = None) -> None:
    """Answers with a line of text."""
    await _send(send, status, text, {"content-type": "text/plain; charset=utf-8", **(headers or {})})


async def _refuse(send: Send, status: int, text: str) -> None:
    """Answers in the form that MLflow's client and pages show."""
    content = json.dumps({"error_code": ERRORS[status], "message": text})
    await _send(send, status, content, {"content-type": "application/json"})


async def _send(send: Send, status: int, content: str, headers: dict[str, str]) -> None:
    body = content.encode()
    said = {"content-length": str(len(body)), "cache-control": "no-store", "referrer-policy": "no-referrer", **headers}
    lines = [(name.encode(), value.encode()) for name, value in said.items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})
