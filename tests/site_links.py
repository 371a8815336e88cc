"""Reads the pages of a site as files, and follows the links between them."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The addresses and anchors of a page, its elements, attributes and text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.anchors = {""}
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text, self.scripts, self._inside = "", "", ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.addresses += [given[name] for name in ("href", "src") if given.get(name)]
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self.tags.add(tag)
        self.attributes |= set(given)
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts += data
        else:
            self.text += data


def pages_of(site: Path) -> dict[Path, Page]:
    """Every HTML file of a site by its resolved path."""
    return {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}


def broken_links(site: Path, *, outside: bool = False) -> list[str]:
    """Links that lead nowhere, or out of the site.

    Args:
        site: Its folder.
        outside: Whether links to other addresses are let be.
    """
    site = site.resolve()
    pages = pages_of(site)
    broken = []
    for path, page in pages.items():
        for address in page.addresses:
            parts = urlsplit(address)
            if parts.scheme == "data" or (outside and parts.scheme in ("http", "https", "mailto")):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            inside = not parts.scheme and not parts.netloc and target.is_relative_to(site)
            anchors = pages[target].anchors if target in pages else {""}
            if not inside or not target.is_file() or unquote(parts.fragment) not in anchors:
                broken.append(f"{path.relative_to(site)}: {address}")
    return broken
