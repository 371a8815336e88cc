"""Training settings: which go together, and what their identity is made from."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bench.plugins import PluginConfig, TrainingSettings
from bench.trial import TrialSpec


def spec(training: TrainingSettings) -> TrialSpec:
    config = PluginConfig(name="x")
    return TrialSpec(dataset=config, revision="r", feature=config, model=config, training=training, seed=1)


def test_a_setting_that_came_later_changes_an_identity_only_where_it_says_something() -> None:
    plain = TrainingSettings()
    assert not TrainingSettings.LATER & plain.identity().keys()
    assert TrainingSettings(patience=3).identity() == plain.identity() | {"patience": 3}
    assert spec(plain).digest() == spec(TrainingSettings(offline_copies=0)).digest()
    assert spec(plain).configuration() != spec(TrainingSettings(offline_copies=4)).configuration()


def test_the_first_published_configurations_keep_their_digest() -> None:
    """As the first release made it: all settings of that time, sorted, in JSON."""
    assert spec(TrainingSettings()).digest() == "2e1756e13c5d"


def test_every_later_setting_is_a_setting() -> None:
    assert TrainingSettings.model_fields.keys() >= TrainingSettings.LATER


@pytest.mark.parametrize(
    "values",
    [{"offline_snr_low": 10.0, "offline_snr_high": 0.0}, {"segment_seconds": 1.0, "lengths": "own"}, {"patience": 0}],
)
def test_settings_that_do_not_go_together_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TrainingSettings.model_validate(values)
