"""Training settings: which go together, and the digests that are made from them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bench.plugins import PluginConfig, TrainingSettings
from bench.trial import TrialSpec


def spec(training: TrainingSettings) -> TrialSpec:
    config = PluginConfig(name="x")
    return TrialSpec(dataset=config, revision="r", feature=config, model=config, training=training, seed=1)


def test_a_digest_covers_every_setting_and_a_configuration_all_but_the_seed() -> None:
    plain = spec(TrainingSettings())
    assert plain.digest() == spec(TrainingSettings(offline_copies=0)).digest() != plain.configuration()
    for changed in (TrainingSettings(patience=3), TrainingSettings(offline_copies=4)):
        assert spec(changed).digest() != plain.digest() and spec(changed).configuration() != plain.configuration()
    assert plain.model_copy(update={"seed": 2}).configuration() == plain.configuration()


@pytest.mark.parametrize(
    "values",
    [{"offline_snr_low": 10.0, "offline_snr_high": 0.0}, {"segment_seconds": 1.0, "lengths": "own"}, {"patience": 0}],
)
def test_settings_that_do_not_go_together_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TrainingSettings.model_validate(values)
