"""`bench check` names the typical mistakes of plugin authors, all of which are checked by one command."""

from __future__ import annotations

import re
from pathlib import Path

import cli_runner
import plugin_packages
import pytest
import torch  # noqa: F401  # so that no package is the first to import it
from plugin_mistakes import FILES, MISTAKES, Mistake
from plugin_mistakes.sources import dataset


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> cli_runner.Result:
    """What the check prints of all packages, each with one mistake."""
    site, data = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("data")
    (data / "tiny").mkdir()
    for file in FILES:
        (data / "tiny" / file).touch()
    for mistake in MISTAKES:
        plugin_packages.install(site, mistake.name, mistake.source, module=mistake.module)
    with cli_runner.plugins_at(site):
        return cli_runner.run("check", "--data-dir", data, *(mistake.name for mistake in MISTAKES))


def lines_of(mistake: Mistake, shown: cli_runner.Result) -> list[str]:
    return [line for line in shown.stdout.splitlines() if re.match(rf"FAIL  \w+ {mistake.name}: ", line)]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_named(mistake: Mistake, shown: cli_runner.Result) -> None:
    (line,) = lines_of(mistake, shown)
    assert mistake.words in line


def test_nothing_else_is_said(shown: cli_runner.Result) -> None:
    assert len(MISTAKES) >= 37 and len({mistake.name for mistake in MISTAKES}) == len(MISTAKES)
    assert shown.returncode == 1 and f"{len(MISTAKES)} broken" in shown.stdout
    assert shown.stderr == "hello from the plugin\n"


def test_what_a_plugin_prints_when_it_is_imported_stays_off_the_standard_output(tmp_path: Path) -> None:
    plugin_packages.install(
        tmp_path, "says-hello", "print('good morning')\n" + plugin_packages.TINY_MODEL.format(name="tiny")
    )
    with cli_runner.plugins_at(tmp_path):
        listed = cli_runner.run("list", "models")
    assert listed.stderr == "good morning\n"
    assert "good morning" not in listed.stdout and "says-hello" in listed.stdout


@pytest.mark.parametrize("words", [("run", "--dataset", "raising-set"), ("check-data", "raising-set")])
def test_what_a_plugin_raises_is_said_with_its_line(words: tuple[str, ...], tmp_path: Path) -> None:
    plugin_packages.install(tmp_path, "raising-set", dataset("raising-set", clips="{}['no such list']"))
    (tmp_path / "tiny").mkdir()
    with cli_runner.plugins_at(tmp_path):
        done = cli_runner.run(*words, "--data-dir", tmp_path)
    line = cli_runner.refusal(done, "KeyError: 'no such list' (a plugin raised it; bench --debug")
    assert re.match(r"bench: raising_set\.py:\d+: KeyError", line)
