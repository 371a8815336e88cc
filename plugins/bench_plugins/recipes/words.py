"""Spoken words of Speech Commands."""

from __future__ import annotations

from collections.abc import Mapping

from bench.plugins import PluginConfig, Recipe, TrainingSettings
from bench_plugins.features.mel import Mel
from bench_plugins.features.spectrogram import Spectrogram
from bench_plugins.models.convnet import ConvNet
from bench_plugins.models.tc_resnet import TcResNet


def _convnet(name: str, power: float | None, *, published: Mapping[str, float] = {}) -> Recipe:
    """The reference network on a spectrogram of that power; None: real and imaginary parts as two channels."""
    return Recipe(
        name=f"words-convnet-{name}",
        summary=f"Thirty words, reference network convnet on the {name} spectrogram, trained as published.",
        datasets=("speechcommands-30",),
        feature=Spectrogram(
            sample_rate=16000, n_fft=512, window_ms=30.0, hop_ms=10.0, power=power, unit_window=True, normalise="none"
        ).config(),
        model=ConvNet().config(),
        training=TrainingSettings(
            epochs=50,
            batch_size=128,
            optimiser="adam",
            learning_rate=0.01,
            find_learning_rate=True,
            schedule="one-cycle",
            weight_decay=0.0,
            label_smoothing=0.0,
            time_shift=0.0,
            patience=3,
        ),
        protocol=PluginConfig(name="speechcommands-30", options={"split": "random"}),
        published=published,
        published_clips={"all": 64_721},
        source="Words reference system: Speech Commands v0.01, random split 60/20/20.",
    )


WORD_RECIPES = (
    _convnet("complex", None, published={"validation_accuracy": 0.94, "test_accuracy": 0.9324, "test_loss": 0.2373}),
    _convnet("power-2", 2.0),
    _convnet("power-1", 1.0),
    _convnet("power-0.5", 0.5),
    Recipe(
        name="words-tc-resnet14",
        summary="Speech Commands words, TC-ResNet14 at width 1.5 on mel decibels, one-cycle with shift, noise and masks.",
        datasets=("speechcommands-12", "speechcommands-30", "speechcommands-35"),
        feature=Mel().config(),
        model=TcResNet(depth=14, width=1.5, dropout=0.3).config(),
        training=TrainingSettings(
            epochs=40,
            batch_size=128,
            optimiser="adamw",
            learning_rate=5e-3,
            schedule="one-cycle",
            weight_decay=1e-3,
            label_smoothing=0.1,
            time_shift=0.1,
            noise_snr=15.0,
            time_mask=0.2,
            frequency_mask=0.1,
        ),
        # Nothing published to compare with: the paper's 0.966 is for twelve words of version 0.01.
        source="Network: Choi et al., 2019, arXiv:1904.03814. Training: this project.",
    ),
)
