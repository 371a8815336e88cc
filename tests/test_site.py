"""The site of published leaderboards: links lead somewhere in it, no name is markup, and no other folder is replaced."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from cli_runner import refusal, run
from reporting_results import make_study, save
from site_links import Page, broken_links, pages_of

from bench.plugins import PluginConfig
from bench.reporting.html.leaderboard_html import leaderboard_html
from bench.reporting.published_leaderboards import published_leaderboards
from bench.reporting.publishing import LEADERBOARD_NOTICE
from bench.reporting.site_folder import MARKER

ROOT = Path(__file__).resolve().parents[1]
HOSTILE = ("<img src=x onerror=alert(1)>", '"];alert(1)//', "</script><script>alert(1)</script>", "{{ 7*7 }}' onload='")
PLUGIN = '../..\\"><svg onload=alert(1)>'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the leaderboards of the repository."""
    out = tmp_path_factory.mktemp("published") / "site"
    done = run("site", ROOT / "leaderboards", "--out", out)
    assert done.returncode == 0 and f"Site: {out / 'index.html'}" in done.stdout, done.stderr
    return out


def test_every_link_leads_to_a_file_of_the_site_and_every_file_is_led_to(site: Path) -> None:
    assert broken_links(site) == []
    pages = pages_of(site)
    reached, waiting = set(), [(site / "index.html").resolve()]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            addresses = [urlsplit(address) for address in (pages[path].addresses if path in pages else [])]
            waiting += [
                (path.parent / unquote(each.path)).resolve() for each in addresses if each.path and not each.scheme
            ]
    unreached = {path.resolve() for path in site.rglob("*") if path.is_file()} - reached
    figures = {path for path in unreached if path.suffix == ".png"}  # of the Markdown pages
    assert unreached - figures == {(site / MARKER).resolve()}


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<p id="here"></p><a href="#here"></a><a href="a.html#gone"></a><a href="b.html"></a><a href="../x"></a>'
        '<img src="https://example.org/x.png"><a href="//example.org"></a>'
    )
    wrong = ["a.html#gone", "b.html", "../x", "https://example.org/x.png", "//example.org"]
    assert broken_links(tmp_path) == [f"a.html: {address}" for address in wrong]


def test_a_page_of_the_site_is_that_of_bench_leaderboard_below_its_links(site: Path) -> None:
    for page in published_leaderboards(ROOT / "leaderboards"):
        alone = leaderboard_html(page.leaderboard, notice=LEADERBOARD_NOTICE)
        before, nav, after = (
            (site / "datasets" / f"{page.name}.html").read_text().partition('<nav aria-label="Site">\n')
        )
        assert nav and before + after.partition("</nav>\n")[2] == alone
        for file in page.files:
            assert (site / "datasets" / file.name).read_bytes() == file.read_bytes()


def test_the_index_and_the_pages_of_plugins_have_all_rows(site: Path) -> None:
    index = (site / "index.html").read_text()
    for page in published_leaderboards(ROOT / "leaderboards"):
        for each in page.rows():
            address = f"datasets/{page.name}.html#row-{each.number}-{each.row.id}"
            assert index.count(f'"{address}"') == 1
            for kind, name in (("models", each.row.model.name), ("features", each.row.feature.name)):
                assert f'"../{address}"' in (site / kind / f"{name}.html").read_text()


def test_names_are_text_and_no_paths(tmp_path: Path) -> None:
    study, _ = make_study(tmp_path / "results", labels=HOSTILE, notes=(HOSTILE[2],))
    for final in study.finals():
        part = PluginConfig(name=PLUGIN, options={HOSTILE[1]: HOSTILE[3]})
        spec = final.spec.model_copy(update={"model": part, "feature": part})
        predictions = {split: study.predictions(final, split) for split in ("validation", "test")}
        save(study, final.model_copy(update={"spec": spec, "origin": HOSTILE[2]}), predictions)
    folder, site = tmp_path / "pages", tmp_path / "site"
    assert run("leaderboard", "blobs", "--publish", folder).returncode == 0
    published = json.loads((folder / "blobs.json").read_text())
    odd = {**published, "dataset": HOSTILE[0], "updated": HOSTILE[0]}
    (folder / '"><img src=x onerror=alert(1)>?a#b%2e.json').write_text(json.dumps(odd))
    done = run("site", folder, "--out", site)
    assert done.returncode == 0, done.stderr
    assert broken_links(site) == []
    script = (files("bench.reporting.html") / "templates" / "page.js").read_text()
    for page in pages_of(site).values():
        assert page.scripts == script and not page.tags & {"img", "iframe", "form", "object", "meta-refresh"}
        assert not [name for name in page.attributes if name.startswith("on") or name == "style"]
        assert PLUGIN in page.text
    index = Page(site / "index.html").text
    assert all(name in index for name in (*HOSTILE, PLUGIN))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pages", "results", "site"]


def test_only_a_folder_that_bench_site_made_is_replaced(tmp_path: Path) -> None:
    out, pages = tmp_path / "out", ROOT / "leaderboards"
    (out / "mine").mkdir(parents=True)
    assert run("site", pages, "--out", out).returncode == 0  # empty folders are nobody's
    first, index = {path.name for path in out.rglob("*")}, (out / "index.html").read_bytes()
    (out / "models" / "old.html").write_text("x")
    refusal(run("site", pages, "--out", out), "out has models/old.html, which bench site did not write")
    assert (out / "models" / "old.html").read_text() == "x"
    (out / "models" / "old.html").unlink()
    (out / "index.html").write_text("changed")
    assert run("site", pages, "--out", out).returncode == 0
    assert {path.name for path in out.rglob("*")} == first and (out / "index.html").read_bytes() == index
    (out / MARKER).write_text("{}")
    refusal(run("site", pages, "--out", out), "which bench site did not write")
    (out / MARKER).unlink()
    refusal(run("site", pages, "--out", out), "out was not made by bench site and is left alone")
    refusal(run("site", pages, "--out", out / "index.html"), "index.html is a file")
    assert {path.name for path in out.rglob("*")} == first - {MARKER}


def test_pages_that_are_not_whole_are_refused(tmp_path: Path) -> None:
    page = json.loads((ROOT / "leaderboards" / "fsdd.json").read_text())

    def refused(line: str) -> None:
        refusal(run("site", tmp_path, "--out", tmp_path / "site"), line)

    refused("no published leaderboard in")
    (tmp_path / "fsdd.json").write_text(json.dumps(page))
    refused("fsdd.predictions.npz, which fsdd.json names, cannot be read")
    (tmp_path / "fsdd.predictions.npz").write_bytes(b"others")
    refused("is not the file that fsdd.json was made from")
    record = {"file": "fsdd.html", "sha256": hashlib.sha256(b"others").hexdigest()}
    (tmp_path / "fsdd.html").write_bytes(b"others")
    (tmp_path / "fsdd.json").write_text(json.dumps({**page, "predictions": record}))
    refused("names fsdd.html as its predictions")
    (tmp_path / "fsdd.json").write_text("{")
    refused("is no leaderboard that this version")
    assert not (tmp_path / "site").exists()
