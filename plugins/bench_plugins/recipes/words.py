"""Spoken words of Speech Commands."""

from __future__ import annotations

from bench.plugins import Recipe, TrainingSettings
from bench_plugins.features.mel import Mel
from bench_plugins.models.tc_resnet import TcResNet

WORD_RECIPES = (
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
