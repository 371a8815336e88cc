"""Emotion in speech: a convolutional and recurrent network on utterances of any length."""

from __future__ import annotations

from bench.plugins import PluginConfig, Recipe, TrainingSettings
from bench_plugins.features.mel import Mel
from bench_plugins.models.cnn_lstm import CnnLstm

EMOTION_RECIPES = (
    Recipe(
        name="emodb-cnn-lstm",
        summary="Seven emotions, reference network cnn-lstm on 75 copies of every utterance, trained as published.",
        datasets=("emodb",),
        # At EmoDB's own 16,000 Hz, windows of 2048 samples in steps of 512.
        feature=Mel(
            sample_rate=16000,
            window="hamming",
            window_ms=128.0,
            hop_ms=32.0,
            n_mels=128,
            f_min=0.0,
            scale="ln",
            log_offset=2.0**-52,
            normalise="none",
        ).config(),
        model=CnnLstm().config(),
        training=TrainingSettings(
            epochs=3,
            batch_size=32,
            optimiser="adam",
            learning_rate=0.005,
            schedule="step",
            weight_decay=5e-4,
            label_smoothing=0.0,
            time_shift=0.0,
            lengths="own",
            offline_copies=75,
            offline_pitch_probability=0.5,
            offline_shift=0.3,
            offline_snr_low=-20.0,
            offline_snr_high=40.0,
        ),
        protocol=PluginConfig(name="emodb", options={"split": "random"}),
        published={"test_accuracy": 0.6329},
        published_clips={"train": 371, "all": 535},
        source="Emotion reference system: Berlin EmoDB, random split 70/15/15 within each label.",
    ),
)
