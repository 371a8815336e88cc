"""The space of a study: what is searched, what is fixed, what is tried first."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.options import RunOptions
from bench.plugins import Choice, Float, Int
from bench.plugins.registry import installed
from bench.search.plan import Plan, make_plan
from bench_plugins.features import SpeechEmbedding


def plan(dataset: str = "fsdd", **request: Any) -> Plan:
    return make_plan(installed(), installed().datasets[dataset](), RunOptions(**request))


def ask(space: Any, seed: int) -> Any:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return space.suggest(study.ask())


def test_whatever_is_proposed_builds() -> None:
    space = plan().space
    for seed in range(30):
        configuration = ask(space, seed)
        installed().feature(configuration.feature)
        installed().model(configuration.model)


def test_the_recipes_of_the_data_set_come_first_and_whole() -> None:
    found = plan()
    origins = [candidate.origin for candidate in found.candidates]
    recipes = [recipe.name for recipe in installed().recipes_for("fsdd")]
    assert origins[: len(recipes)] == recipes
    for candidate, recipe in zip(found.candidates, installed().recipes_for("fsdd"), strict=False):
        assert candidate.configuration.feature == recipe.feature
        assert candidate.configuration.training == recipe.training


def test_defaults_cover_every_feature_and_model() -> None:
    found = plan()
    defaults = [c.configuration for c in found.candidates if c.origin.startswith("defaults")]
    assert {c.model.name for c in defaults} == set(found.space.models)
    assert {c.feature.name for c in defaults} == set(found.space.features)


def test_a_candidate_is_proposed_as_it_is() -> None:
    found = plan()
    for candidate in found.candidates:
        study = optuna.create_study()
        study.enqueue_trial(found.space.parameters(candidate.configuration))
        proposed = found.space.suggest(study.ask())
        searched = found.space.parameters(candidate.configuration)
        assert found.space.parameters(proposed) == searched


def test_what_the_user_fixes_is_fixed_everywhere() -> None:
    found = plan(settings={"training.epochs": 2, "feature.mel.n_mels": 40})
    assert "training.epochs" not in found.space.ranges
    for candidate in found.candidates:
        assert candidate.configuration.training.epochs == 2
    assert any(c.origin == "digits-cnn with feature.mel.n_mels=40, training.epochs=2" for c in found.candidates)
    assert ask(found.space, 0).training.epochs == 2


def test_candidates_take_the_nearest_of_a_list_of_values() -> None:
    found = plan(settings={"training.epochs": [4, 8]})
    epochs = {c.origin.split()[0]: c.configuration.training.epochs for c in found.candidates}
    assert epochs["digits-cnn"] == 4 and epochs["digits-tc-resnet8"] == 8


def test_a_list_narrows_the_range() -> None:
    space = plan(settings={"training.batch_size": [16, 32]}).space
    assert space.ranges["training.batch_size"] == Choice(16, 32)
    assert {ask(space, seed).training.batch_size for seed in range(20)} == {16, 32}


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        ({"models": ("tc-resnett",)}, "did you mean tc-resnet"),
        ({"features": ("mell",)}, "did you mean mel"),
        ({"settings": {"training.epoch": 3}}, "did you mean training.epochs"),
        ({"settings": {"training.epochs": 0}}, "epochs"),
        ({"settings": {"training.optimiser": "adamm"}}, "adamm"),
        ({"settings": {"training.batch_size": []}}, "empty"),
        ({"features": ("waveform",), "models": ("tc-resnet",)}, "none of the models"),
    ],
)
def test_wrong_requests_are_one_clear_line(request_: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BenchError, match=complaint) as raised:
        plan(**request_)
    assert "\n" not in str(raised.value)


def test_sample_rates_are_those_that_can_be_asked_for() -> None:
    assert plan(settings={"feature.mel.sample_rate": 8000}, features=("mel",)).space.sample_rates() == (8000,)
    assert set(plan(features=("mel",)).space.sample_rates()) == {8000, 16000, 22050}


def test_equal_requests_are_equal_spaces_and_others_are_not() -> None:
    assert plan().space.as_json() == plan().space.as_json()
    assert plan().space.as_json() != plan(settings={"training.epochs": 2}).space.as_json()


@given(low=st.integers(1, 50), width=st.integers(0, 50), value=st.integers(-10, 200))
@settings(max_examples=50)
def test_a_widened_range_holds_its_value_and_all_it_held(low: int, width: int, value: int) -> None:
    for before in (Int(low, low + width), Float(low, low + width, log=True), Choice(low, low + width)):
        after = before.including(value)
        assert after.contains(value)
        assert after.contains(low) and after.contains(low + width)


@pytest.mark.parametrize(
    "build", [lambda: Int(3, 2), lambda: Float(0, 1, log=True), lambda: Choice(), lambda: Int(0, 5, step=2)]
)
def test_ranges_that_are_none_are_refused(build: Any) -> None:
    with pytest.raises(ValueError):
        build()


def test_an_option_that_is_a_tuple_does_not_make_a_resumed_space_another(monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd(installed().models["tc-resnet"]):  # type: ignore[misc]
        """Has a kernel of two sizes, which is not searched."""

        name: ClassVar[str] = "odd"
        kernels: tuple[int, int] = (3, 3)

    monkeypatch.setitem(installed().models, "odd", Odd)
    space = plan(models=("odd",), features=("mel",)).space.as_json()
    assert space["fixed"]["model.odd.kernels"] == [3, 3]
    assert json.loads(json.dumps(space)) == space


@pytest.fixture
def barks(monkeypatch: pytest.MonkeyPatch) -> str:
    """A data set that is searched on segments."""

    class Barks(installed().datasets["fsdd"]):  # type: ignore[misc]
        name: ClassVar[str] = "barks"
        training: ClassVar[dict[str, Any]] = {"segment_seconds": 0.5, "batch_size": 8}

    monkeypatch.setitem(installed().datasets, "barks", Barks)
    return "barks"


def test_a_search_holds_the_training_settings_of_the_data_set(barks: str) -> None:
    found = plan(barks, features=("mel",), models=("tc-resnet",))
    assert "training.batch_size" not in found.space.ranges
    tried = [candidate.configuration.training for candidate in found.candidates]
    assert tried and all((training.segment_seconds, training.batch_size) == (0.5, 8) for training in tried)
    assert {ask(found.space, seed).training.segment_seconds for seed in range(5)} == {0.5}


def test_the_user_overrules_the_data_set_and_recipes_keep_their_own(
    barks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = installed().recipes["digits-tc-resnet8"].model_copy(update={"name": "barking", "datasets": (barks,)})
    monkeypatch.setitem(installed().recipes, "barking", recipe)
    found = plan(barks, settings={"training.batch_size": [4, 16]}, features=("mel",), models=("tc-resnet",))
    assert found.space.ranges["training.batch_size"] == Choice(4, 16)
    first = found.candidates[0]
    assert first.origin.startswith("barking") and first.configuration.training.segment_seconds is None
    assert {ask(found.space, seed).training.segment_seconds for seed in range(5)} == {0.5}


@pytest.mark.parametrize("value", ["own", ["common", "own"]])
def test_training_settings_that_do_not_go_together_are_one_line(barks: str, value: Any) -> None:
    with pytest.raises(BenchError, match=r"leave out segment_seconds.*barks brings segment_seconds=0\.5") as raised:
        plan(barks, settings={"training.lengths": value})
    assert "\n" not in str(raised.value)


def test_models_of_one_length_are_left_out_where_clips_keep_theirs() -> None:
    with pytest.raises(BenchError, match="none of the models"):
        plan(settings={"training.lengths": "own"}, models=("cnn",))


@pytest.mark.parametrize("given", [{}, {"training.epochs": 2, "training.time_shift": [0.05, 0.1]}])
def test_a_feature_holds_training_settings_fixed_unless_they_are_given(given: dict[str, Any]) -> None:
    found = plan(features=("speech-embedding", "mel"), models=("linear-probe",), settings=given)
    held = {name.removeprefix("training."): value for name, value in SpeechEmbedding.training.items()}
    drawn = [ask(found.space, seed) for seed in range(30)]
    frozen = [one.training for one in drawn if one.feature.name == "speech-embedding"]
    (first,) = [one.configuration for one in found.candidates if one.configuration.feature.name == "speech-embedding"]
    for training in (*frozen, first.training):
        if given:
            assert training.epochs == 2 and training.time_shift in (0.05, 0.1) and training.gain == held["gain"]
        else:
            assert {name: getattr(training, name) for name in held} == held
    others = {one.training.epochs for one in drawn if one.feature.name == "mel"}
    assert others == {2} if given else len(others) > 1
    left = {name for name in held if f"training.{name}" not in given}
    assert {name.removeprefix("training.") for name in found.space.as_json()["of features"]["speech-embedding"]} == left
    assert not {f"training.{name}" for name in left} & found.space.parameters(first).keys()
