"""`bench site`: published leaderboards as a static site."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.reporting.html.site_html import site_files
from bench.reporting.published_leaderboards import published_leaderboards
from bench.reporting.site_folder import write_site
from bench.sizes import shown_size


def command(
    pages: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of published pages: leaderboards/.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder that the site is written into.")] = Path(
        "site"
    ),
) -> None:
    """Write all published pages of a folder as a static site: an index, a search, a page of every model and feature.

    It works on any static host and from the disk. A folder that is there already is replaced if bench site made it.
    """
    published = published_leaderboards(pages)
    files = site_files(published)
    write_site(files, out)
    print(f"{len(files)} files, {shown_size(sum(map(len, files.values())))}, of {len(published)} published pages")
    print(f"Site: {out / 'index.html'}")
