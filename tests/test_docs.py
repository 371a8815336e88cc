"""What the documentation shows is what the code does."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import pytest

from bench.plugins import Model
from bench.plugins.contract_tests import check_declaration, check_model
from bench.reporting import leaderboard_table
from bench.reporting.publishing import load_published, publish
from bench.reporting.verification import verify

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("leaderboards/*.md")]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)


def test_the_model_of_the_plugin_page_keeps_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "documented.py").write_text(blocks("docs/plugins.md", "python")[0])
    monkeypatch.syspath_prepend(str(tmp_path))
    models = importlib.import_module("documented").bench_models()
    assert len(models) == 1 and issubclass(models[0], Model)
    check_declaration(models[0])
    check_model(models[0])


def test_the_toml_of_the_plugin_page_is_toml() -> None:
    assert "bench" in tomllib.loads(blocks("docs/plugins.md", "toml")[0])["project"]["entry-points"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_published_pages_are_what_their_json_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pages = sorted(ROOT.glob("leaderboards/*.json"))
    assert pages
    for path in pages:
        leaderboard = load_published(path)
        if leaderboard.predictions is not None:
            assert verify(path).same, f"bench verify {path}"
        publish(leaderboard, Path("leaderboards"))
        for row in leaderboard.rows():
            assert len(row.runs) >= 3
    for written in (path for path in Path("leaderboards").iterdir() if path.suffix != ".png"):
        assert written.read_text() == (ROOT / written).read_text(), f"publish {written} again"


def test_the_readme_shows_the_published_rows_of_fsdd() -> None:
    readme = (ROOT / "README.md").read_text()
    protocols = load_published(ROOT / "leaderboards" / "fsdd.json").protocols
    assert {protocol.protocol for protocol in protocols} == {"official", "leave-one-group-out"}
    for protocol in protocols:
        for row in protocol.rows:
            shown = " +".join(map(re.escape, leaderboard_table.leaderboard_cells(row, protocol)))
            times = 2 if protocol.protocol == "official" else 1  # bench run prints the first study alone
            assert len(re.findall(shown, readme)) == times, f"{row.id}: in what bench run and bench leaderboard print"
