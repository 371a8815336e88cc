"""Fourteen instruments in half-second clips: four families of network on mel spectrograms and on cepstral coefficients."""

from __future__ import annotations

from collections.abc import Mapping

from bench.plugins import Feature, Model, Recipe, TrainingSettings
from bench_plugins.features.mel import Mel
from bench_plugins.features.mfcc import Mfcc
from bench_plugins.models.cnn_adaptive import CnnAdaptive
from bench_plugins.models.cnn_unpooled import CnnUnpooled
from bench_plugins.models.lstm import Lstm
from bench_plugins.models.resnet18 import ResNet18

# 128 bands by 44 frames of half a second at 44,100 Hz.
MEL = Mel(
    sample_rate=44100,
    window_ms=2048 / 44.1,
    hop_ms=512 / 44.1,
    n_mels=128,
    f_min=0.0,
    scale="db",
    normalise="clip",
)
# 13 coefficients of 26 filters by 49 frames of half a second at 12,000 Hz. The published frames are python_speech_features',
# 25 ms every 10 ms from the first sample on; with centred windows, 49 frames are a step of 125 samples.
MFCC = Mfcc(
    sample_rate=12000,
    window_ms=25.0,
    hop_ms=125 / 12,
    n_mfcc=13,
    n_mels=26,
    f_min=0.0,
    normalise="clip",
)

TRAINING = TrainingSettings(
    epochs=50,
    batch_size=16,
    optimiser="adam",
    learning_rate=0.01,
    schedule="constant",
    weight_decay=0.0,
    label_smoothing=0.0,
    time_shift=0.0,
    balance="sampling",
)


def _published(name: str, feature: Feature, model: Model, *, published: Mapping[str, float] = {}) -> Recipe:
    return Recipe(
        name=f"instruments-{name}",
        summary=f"Fourteen instruments, reference network {model.name} on {feature.name}, trained as published.",
        datasets=("philharmonia",),
        feature=feature.config(),
        model=model.config(),
        training=TRAINING,
        published=published,
        published_clips={"all": 56_789},
        source="Instrument reference system: half-second clips of 14 instruments, classes drawn with equal probability.",
    )


INSTRUMENT_RECIPES = (
    _published("cnn-mfcc", MFCC, CnnUnpooled()),
    # Published without saying of which split: compared with the test split, the more careful reading.
    _published("cnn-adaptive-mel", MEL, CnnAdaptive(), published={"test_accuracy": 0.709}),
    _published("cnn-adaptive-mfcc", MFCC, CnnAdaptive()),
    _published("resnet-mel", MEL, ResNet18(), published={"test_accuracy": 0.9184}),
    _published("resnet-mfcc", MFCC, ResNet18()),
    _published("lstm-mfcc", MFCC, Lstm()),
    _published("lstm-mel", MEL, Lstm()),
    _published("lstm-deep-mfcc", MFCC, Lstm(hidden=128, layers=8)),
)
