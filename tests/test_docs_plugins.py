"""The examples of docs/plugins.md are plugins that keep their contracts, and its pages say what the code does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import cli_runner
import plugin_packages
import pytest
from plugin_mistakes import MISTAKES, mistakes_table

from bench.plugins.hookspecs import CONTRACTS

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = re.findall(r"```python\n(.*?)```", (DOCS / "plugins.md").read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cli_runner.Result]:
    """What the check prints of all examples, each a package of its own."""
    site = tmp_path_factory.mktemp("site")
    for number, source in enumerate(EXAMPLES):
        plugin_packages.install(site, f"example-{number}", source)
    with cli_runner.plugins_at(site):
        yield cli_runner.run("check", *(f"example-{number}" for number in range(len(EXAMPLES))))


def test_every_example_keeps_its_contract(shown: cli_runner.Result) -> None:
    assert shown.returncode == 0 and shown.stdout.endswith(f"{len(EXAMPLES)} checked, 0 broken\n"), shown.stdout


@pytest.mark.parametrize("kind", CONTRACTS)
def test_every_kind_has_an_example(kind: str) -> None:
    assert any(f"@hookimpl\ndef bench_{kind}s() -> list[" in source for source in EXAMPLES)


def test_the_data_set_without_an_address_lists_recordings(tmp_path: Path) -> None:
    (source,) = (source for source in EXAMPLES if "argument_is_path" in source)
    defined: dict[str, object] = {"__name__": "wards"}
    exec(compile(source.replace("from __future__ import annotations\n", ""), "wards.py", "exec"), defined)
    for name in ("cough-s1-0.wav", "speech-s2-0.wav", "notes.txt"):
        (tmp_path / name).touch()
    (wards,) = defined["bench_datasets"]()  # type: ignore[operator]
    own = wards(path=str(tmp_path))
    listing = own.clips(own.root(Path("elsewhere")))
    assert [(clip.path, clip.label, clip.group) for clip in listing.clips] == [
        ("cough-s1-0.wav", "cough", "s1"),
        ("speech-s2-0.wav", "speech", "s2"),
    ]


def test_the_page_of_mistakes_is_what_the_check_is_held_to() -> None:
    page = (DOCS / "plugin-mistakes.md").read_text(encoding="utf-8")
    assert mistakes_table() in page and f"these {len(MISTAKES)} mistakes" in page
