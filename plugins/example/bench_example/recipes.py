"""The example's parts as one named configuration."""

from __future__ import annotations

from bench.plugins import Recipe, TrainingSettings
from bench_example.band_mlp import BandMlp
from bench_example.envelope import BandEnvelope

TIMBRE_MLP = Recipe(
    name="timbre-mlp",
    summary="Timbres by the average spectrum: a minimal recipe.",
    datasets=("timbres",),
    feature=BandEnvelope(bands=32).config(),
    model=BandMlp(hidden=32).config(),
    training=TrainingSettings(epochs=10, batch_size=16, learning_rate=1e-2, time_shift=0.0),
)
