"""What mkdocs calls: adds the generated pages and the leaderboards to the site, and moves links that leave docs/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from generated_pages import COPIED, ROOT, generated_pages, relinked
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from bench.reporting.html.site_html import site_files
from bench.reporting.html.templating import Link
from bench.reporting.published_leaderboards import published_leaderboards


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Adds what is not in docs/, so that links to it are checked, too."""
    for name, text in generated_pages().items():
        files.append(File.generated(config, name, content=text))
    for path, place in COPIED.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    for path, content in _leaderboards().items():
        if not path.endswith(".md"):  # mkdocs would make pages of these
            files.append(File.generated(config, f"leaderboards/{path}", content=content))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Moves the links of a page that lies in docs/."""
    return markdown if page.file.generated_by else relinked(markdown, f"docs/{page.file.src_uri}")


def on_post_build(*, config: MkDocsConfig) -> None:
    """Copies the Markdown pages of the leaderboards as they are, and leaves out the page whose links are not relative."""
    (Path(config.site_dir) / "404.html").unlink(missing_ok=True)
    for path, content in _leaderboards().items():
        if path.endswith(".md"):
            (Path(config.site_dir) / "leaderboards" / path).write_bytes(content)


def _leaderboards() -> dict[str, bytes]:
    return site_files(
        published_leaderboards(ROOT / "leaderboards"), home=Link("Documentation of bench", "../index.html")
    )
