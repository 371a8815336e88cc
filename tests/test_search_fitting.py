"""Which pairs a plan keeps: refusals with their reasons, faults that only a trial shows, and what is remembered of them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest
from torch import nn

from bench.errors import BenchError
from bench.files import cache_directory
from bench.options import RunOptions
from bench.plugins import Infeasible, Model, TrainingSettings, code
from bench.plugins.registry import Registry, installed, load
from bench.search.fitting import fit
from bench.search.plan import make_plan
from bench.trial import feasibility
from bench.trial.feasibility_cache import OUTCOMES_FILE, FeasibilityCache

FSDD = installed().datasets["fsdd"]()
SETTINGS = TrainingSettings()


class Narrow(Model):
    """A model whose first layer takes seven values alone."""

    name: ClassVar[str] = "narrow"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(7, classes))


class Broken(Model):
    """A model that cannot be built at all."""

    name: ClassVar[str] = "broken"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        raise ValueError("no such size")


def test_where_nothing_fits_the_reason_is_in_the_message() -> None:
    with pytest.raises(BenchError) as raised:
        make_plan(installed(), FSDD, RunOptions(models=("cnn1d",), features=("mel", "mfcc")))
    assert str(raised.value) == (
        "none of the models cnn1d takes any of the features mel, mfcc: choose others by --models and --features "
        "(cnn1d on mel: cnn1d takes a waveform [samples], not [40, 101])"
    )


def test_what_is_left_out_of_a_plan_is_said_with_its_reason() -> None:
    plan = make_plan(installed(), FSDD, RunOptions(models=("cnn", "cnn1d"), features=("mel",)))
    assert plan.options.models == ("cnn",)
    assert plan.notes == ("model cnn1d is left out (cnn1d on mel: cnn1d takes a waveform [samples], not [40, 101])",)


def test_a_layers_refusal_is_a_reason_and_a_plugins_fault_is_left_to_its_trials() -> None:
    registry = installed().extended(models=[Narrow, Broken])
    fitting = fit(registry, FSDD, ["mel"], ["cnn", "broken", "narrow"], SETTINGS)
    assert fitting.features == ("mel",) and fitting.models == ("cnn", "broken")
    (reason,) = fitting.refusals.values()
    assert reason.startswith("narrow cannot take the shape [40, 101]: ") and "7" in reason
    plan = make_plan(registry, FSDD, RunOptions(models=("broken",), features=("mel",)))
    assert plan.options.models == ("broken",) and plan.notes == ()


def test_models_keep_the_order_that_they_were_asked_for_in() -> None:
    asked = ("tc-resnet", "cnn1d", "cnn")
    assert fit(installed(), FSDD, ["mel", "waveform"], asked, SETTINGS).models == asked


def test_a_plan_asks_no_model_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["mel", "waveform"], ["cnn", "cnn1d", "tc-resnet"], SETTINGS
    first = fit(installed(), FSDD, *asked)
    monkeypatch.setattr(feasibility, "parameters_on_meta", None)
    assert fit(installed(), FSDD, *asked) == first
    assert first.refusals["mel", "cnn1d"] == "cnn1d takes a waveform [samples], not [40, 101]"


def test_other_options_shapes_and_classes_are_other_questions() -> None:
    cache = FeasibilityCache(cache_directory())
    cnn = installed().models["cnn"]
    package = installed().package_of(cnn())

    def key(shape: tuple[int, ...] = (40, 101), classes: int = 2, **options: Any) -> str | None:
        return cache.key(cnn(**options), package, shape, classes)

    keys = [key(), key(shape=(40, 100)), key(classes=3), key(channels=8)]
    assert None not in keys and len(set(keys)) == 4
    assert key() == key()
    assert cache.key(cnn(), None, (40, 101), 2) is None


@pytest.mark.parametrize("damage", ["", "{", '{"outcomes": 3}', '{"outcomes": {"a": {"parameters": "many"}}}'])
def test_a_damaged_file_costs_time_alone(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "empty"))
    first = fit(installed(), FSDD, ["mel"], ["cnn"], SETTINGS)
    path = cache_directory() / OUTCOMES_FILE
    whole = path.read_text()
    path.write_text(damage)
    assert fit(installed(), FSDD, ["mel"], ["cnn"], SETTINGS) == first
    assert path.read_text() == whole


def test_a_cache_folder_that_cannot_be_made_costs_time_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "file"))
    assert fit(installed(), FSDD, ["mel"], ["cnn"], SETTINGS).models == ("cnn",)


def test_what_two_processes_find_out_is_kept_of_both(tmp_path: Path) -> None:
    one, other = FeasibilityCache(tmp_path), FeasibilityCache(tmp_path)
    one.recalled("a", lambda: 1)
    other.recalled("b", lambda: 2)
    one.save()
    other.save()
    assert json.loads((tmp_path / OUTCOMES_FILE).read_text())["outcomes"] == {
        "a": {"parameters": 1},
        "b": {"parameters": 2},
    }


def test_what_only_a_trial_can_tell_is_not_remembered(tmp_path: Path) -> None:
    cache = FeasibilityCache(tmp_path)
    assert cache.recalled("a", lambda: None) is None
    cache.save()
    assert not (tmp_path / OUTCOMES_FILE).exists()


def test_changed_code_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "changing_models.py"
    module.write_text("from bench_plugins.models.cnn1d import Cnn1d\nclass Changing(Cnn1d):\n    name = 'changing'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    past = time.time() - 3600
    os.utime(module, (past, past))
    import changing_models  # type: ignore[import-not-found]

    registry: Registry = load().extended(models=[changing_models.Changing])
    cache, model = FeasibilityCache(tmp_path), changing_models.Changing()
    package = registry.package_of(model)

    def key() -> str | None:
        code._digest.cache_clear()
        return cache.key(model, package, (16000,), 2)

    first = key()
    assert first == key() is not None
    os.utime(module, (past + 60, past + 60))
    assert key() not in (None, first)
    code._digest.cache_clear()


def test_a_refusal_is_remembered_as_it_was_said(tmp_path: Path) -> None:
    def refuse() -> int:
        raise Infeasible("needs [samples]")

    cache = FeasibilityCache(tmp_path)
    with pytest.raises(Infeasible, match="needs"):
        cache.recalled("a", refuse)
    cache.save()
    with pytest.raises(Infeasible, match=r"^needs \[samples\]$"):
        FeasibilityCache(tmp_path).recalled("a", lambda: 1)
