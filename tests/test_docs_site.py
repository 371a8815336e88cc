"""The documentation as a site: pages made from the code say all of it, and every link leads somewhere."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
from cli_runner import run
from made_audio import tone, write
from site_links import broken_links

import bench.plugins
from bench.options import RunOptions, flag
from bench.plugins.registry import installed
from bench.reporting.leaderboard_table import leaderboard_cells
from bench.reporting.publishing import load_published

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def generated() -> ModuleType:
    """The module that makes the pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs" / "mkdocs"))
        return importlib.import_module("generated_pages")


def test_links_out_of_the_documentation_stay_in_the_site(generated: ModuleType) -> None:
    text = "[a](../leaderboards/fsdd.md) [b](../perf/README.md#x) [c](statistics.md) [d](https://example.org/docs/x)"
    moved = (
        "[a](leaderboards/datasets/fsdd.html) [b](measurements.md#x) [c](statistics.md) [d](https://example.org/docs/x)"
    )
    assert generated.relinked(text, "docs/python.md") == moved
    assert generated.relinked("[a](docs/html.md)", "README.md") == "[a](html.md)"


def test_every_shipped_plugin_is_listed_with_its_options(generated: ModuleType) -> None:
    registry = installed()
    text = generated.shipped_plugins(registry)
    sections = dict(re.findall(r"^### (.+)\n((?:(?!#).*\n?)*)", text, flags=re.MULTILINE))
    shipped = {name for (_, name), package in registry.origins.items() if package.distribution == generated.SHIPPED}
    assert set(sections) == shipped
    for name, model in registry.models.items():
        if name in shipped:
            assert all(f"| `{option}` |" in sections[name] for option in model.model_fields)
    assert "| `dropout` | float | 0.5 | 0 to 0.5 |" in sections["tc-resnet"]


def test_every_option_and_public_name_has_its_place(generated: ModuleType) -> None:
    pages = generated.generated_pages()
    assert all(f"| `{flag(name)}` |" in pages["options.md"] for name in RunOptions.model_fields)
    for module, name in ((bench, "api.md"), (bench.plugins, "api-plugins.md")):
        shown = set(re.findall(rf"heading: {re.escape(module.__name__)}\.(\w+)", pages[name]))
        classes = {each for each in module.__all__ if isinstance(getattr(module, each), type)}
        assert shown and classes - shown <= set(bench.__all__)
    captions = re.findall(r"^## (.+)$", pages["gallery.md"], flags=re.MULTILINE)
    assert len(captions) >= 10 and all(
        (ROOT / "docs" / path).exists() for path in re.findall(r"\((images/.+?)\)", pages["gallery.md"])
    )


def test_the_page_on_reading_shows_the_published_table() -> None:
    page = (ROOT / "docs" / "reading-a-leaderboard.md").read_text()
    protocol = load_published(ROOT / "leaderboards" / "emodb.json").protocols[1]
    for row in protocol.rows:
        cells = leaderboard_cells(row, protocol)
        assert f"| {' | '.join(cells[index] for index in (0, 1, 2, 5, 6, 7, 8))} |" in page
    best = max(protocol.rows, key=lambda row: row.test[row.metric].mean)
    assert best.rank == 2 and f"the second, with {best.test[best.metric].mean:.4f}" in page


def test_the_table_of_own_data_is_read_with_its_speakers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "own-data.md").read_text()
    (shown,) = re.findall(r"```text\n(path,.*?)```", page, flags=re.DOTALL)
    (tmp_path / "clips.csv").write_text(shown)
    for number, line in enumerate(shown.splitlines()[1:]):
        (tmp_path / line.split(",")[0]).parent.mkdir(parents=True)
        write(tmp_path / line.split(",")[0], tone(number))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))
    for dataset, groups in (
        ("csv:clips.csv", "3 groups, "),
        ("folder:recordings", "none known (speakers, recordings)"),
    ):
        command = f"check-data {dataset}"
        assert f"$ bench {command}\n" in page
        done = run(*command.split())
        assert done.returncode == 0 and f"groups        {groups}" in done.stdout, done.stderr


def test_the_site_is_built_without_a_warning_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    missing = [name for name in ("mkdocs", "material", "mkdocstrings_handlers") if find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed: pip install 'bench-audio[docs]'")
    paths = [str(ROOT), str(ROOT / "plugins"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path / "docs")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    assert broken_links(tmp_path / "docs", outside=True) == []
    index = (tmp_path / "docs" / "index.html").read_text()
    assert not re.search(
        r"<(script|link|img)[^>]+(src|href)=\"?(https?:)?//", index
    )  # nothing is fetched from elsewhere
    assert "Documentation of bench" in (tmp_path / "docs" / "leaderboards" / "index.html").read_text()
    assert "final_seeds" in (tmp_path / "docs" / "api.html").read_text()  # of bench.run, filled in when it is imported
