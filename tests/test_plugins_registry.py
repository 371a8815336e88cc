"""The registry: what is found, what is left out and why, and what is said about unknown names."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from plugin_packages import TINY_MODEL, install

from bench.errors import BenchError
from bench.plugins import PluginConfig
from bench.plugins.registry import Registry, installed, load


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed distributions of its own, behind the real ones."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    known = set(sys.modules)
    yield folder
    for name in set(sys.modules) - known:
        if getattr(sys.modules[name], "__file__", None) and str(folder) in str(sys.modules[name].__file__):
            del sys.modules[name]


def assert_first_party_is_whole(found: Registry) -> None:
    assert {"mel", "mfcc", "spectrogram", "waveform"} <= set(found.features)
    assert {"cnn", "crnn", "parallel-cnn-lstm", "tc-resnet"} <= set(found.models)
    assert {"fsdd", "speechcommands-digits"} <= set(found.datasets)
    assert {"digits-cnn", "digits-crnn", "digits-parallel-cnn-lstm"} <= set(found.recipes)


def test_what_ships_comes_through_the_entry_point() -> None:
    found = load()
    assert found.problems == []
    assert_first_party_is_whole(found)
    assert found.origins["model", "cnn"].entry_point == "bench_plugins"
    assert load(only=[]).models == {}


def test_a_third_partys_package_is_found(site: Path) -> None:
    install(site, "some-models", TINY_MODEL.format(name="tiny"))
    found = load()
    assert found.problems == []
    assert str(found.origins["model", "tiny"]) == "some-models 1.2"
    assert found.versions()["some-models"] == "1.2"


def test_a_package_that_raises_on_import_is_named_and_left_out(site: Path) -> None:
    install(site, "broken-models", "raise RuntimeError('no such\\nlibrary')")
    found = load()
    (problem,) = found.problems
    assert (
        str(problem)
        == "plugin package broken-models 1.2 is left out: broken_models.py:1: RuntimeError: no such library"
    )
    assert_first_party_is_whole(found)


def test_a_hook_that_raises_leaves_nothing_half_registered(site: Path) -> None:
    hook = "\n@hookimpl\ndef bench_features():\n    raise OSError('no table')\n"
    install(site, "half-models", TINY_MODEL.format(name="tiny") + hook)
    found = load()
    (problem,) = found.problems
    assert problem.what == "half_models.py:26: OSError: no table"
    assert "tiny" not in found.models
    assert not [key for key, package in found.origins.items() if package.distribution == "half-models"]
    assert_first_party_is_whole(found)


def test_a_hook_that_is_misspelt_is_named(site: Path) -> None:
    install(site, "misspelt-models", TINY_MODEL.format(name="tiny").replace("def bench_models", "def bench_model"))
    (problem,) = load().problems
    assert "bench_model" in problem.what


def test_a_clash_is_named_and_what_ships_keeps_its_name(site: Path) -> None:
    install(site, "a-clash", TINY_MODEL.format(name="cnn"))
    found = load()
    (problem,) = found.problems
    assert problem.package.distribution == "a-clash"
    assert problem.what.startswith("model 'cnn' is already brought by bench-audio")
    assert found.models["cnn"].__module__ == "bench_plugins.models.cnn"


def test_two_kinds_may_share_a_name(site: Path) -> None:
    hook = "\n@hookimpl\ndef bench_features():\n    return [Front]\n"
    install(site, "twice-named", TINY_MODEL.format(name="twice") + hook)
    found = load()
    assert found.problems == []
    assert "twice" in found.models
    assert "twice" in found.features


def test_what_is_no_plugin_is_named(site: Path) -> None:
    hook = "\n@hookimpl\ndef bench_features():\n    return [Tiny]\n"
    install(site, "confused-models", TINY_MODEL.format(name="tiny") + hook)
    found = load()
    (problem,) = found.problems
    assert "is no Feature" in problem.what
    assert "tiny" in found.models


def test_bench_plugins_restricts_what_is_loaded(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "some-models", TINY_MODEL.format(name="tiny"))
    install(site, "broken-models", "raise RuntimeError('never imported')")
    monkeypatch.setenv("BENCH_PLUGINS", "some_models, bench_plugins")
    installed.cache_clear()
    try:
        found = installed()
    finally:
        installed.cache_clear()
    assert found.problems == []
    assert "tiny" in found.models
    assert "broken_models" not in sys.modules
    assert {package.entry_point for package in found.packages} == {"bench_plugins", "some_models"}


def test_a_name_in_bench_plugins_that_nothing_has_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_PLUGINS", "bench_plugin")
    installed.cache_clear()
    try:
        with pytest.raises(
            BenchError, match="no installed package is called 'bench_plugin', did you mean bench_plugins"
        ):
            installed()
    finally:
        installed.cache_clear()


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (PluginConfig(name="crn"), "unknown model 'crn': did you mean crnn or cnn"),
        (
            PluginConfig(name="cnn", options={"chanels": 8}),
            "model cnn has no option 'chanels': did you mean channels?",
        ),
        (PluginConfig(name="cnn", options={"channels": 0}), "model cnn: option 'channels': Input should be greater"),
        (PluginConfig(name="cnn", options={"channels": "many"}), "(got 'many')"),
        (PluginConfig(name="tc-resnet", options={"depth": 9}), "Input should be 8 or 14"),
    ],
    ids=str,
)
def test_unknown_names_and_options_are_answered(config: PluginConfig, line: str) -> None:
    with pytest.raises(BenchError) as raised:
        load().model(config)
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_configuration_comes_back_from_its_json() -> None:
    found = load()
    for name, model in found.models.items():
        config = model().config()
        again = PluginConfig.model_validate_json(config.model_dump_json())
        assert again == config
        assert found.model(again) == model()
        assert config.name == name


def test_a_package_that_ends_the_process_on_import_is_named_and_left_out(site: Path) -> None:
    install(site, "leaving-models", "raise SystemExit('no licence')")
    (problem,) = load().problems
    assert "leaving-models" in str(problem) and "no licence" in str(problem)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("    def build(self, shape", "    width: int\n    def build(self, shape"), "option 'width': Field required"),
        (("    def build(self, shape", "    def construct(self, shape"), "build"),
    ],
)
def test_a_model_without_complete_defaults_is_left_out(site: Path, change: tuple[str, str], complaint: str) -> None:
    install(site, "some-models", TINY_MODEL.format(name="tiny").replace(*change))
    found = load()
    (problem,) = found.problems
    assert "'tiny' cannot be made from its defaults" in str(problem) and complaint in str(problem)
    assert "tiny" not in found.models
    assert_first_party_is_whole(found)


def test_two_packages_that_name_their_entry_points_alike_are_both_found(site: Path) -> None:
    for number in (1, 2):
        install(site, f"package-{number}", TINY_MODEL.format(name=f"tiny-{number}"))
        (site / f"package_{number}-1.2.dist-info" / "entry_points.txt").write_text(
            f"[bench]\nplugins = package_{number}\n"
        )
    found = load()
    assert found.problems == [] and {"tiny-1", "tiny-2"} <= set(found.models)
