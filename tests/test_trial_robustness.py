"""Conditions against what they promise: noise by its power, a band by its tones, MP3 by its delay; and on a network."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from made_audio import cats_and_dogs, prepared
from numpy.typing import NDArray

from bench.data.mp3 import MP3_RATES
from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.options import RunOptions
from bench.plugins import PluginConfig, TrainingSettings
from bench.plugins.registry import installed
from bench.reporting import leaderboard_page
from bench.reporting.build_leaderboard import build_leaderboard
from bench.reporting.measure_robustness import measure_robustness
from bench.reporting.run_report import write_report
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord, StudyRecord
from bench.training.device_clips import DataOnDevice
from bench.trial import TrialOutcome, TrialSpec
from bench.trial.conditions import CONDITIONS
from bench.trial.robustness import changed_clips
from bench.trial.run_trial import complete_trial, run_trial
from bench_plugins.datasets.folder import Folder

RATE = 16000


def tones(*frequencies: float, rate: int = RATE, amplitude: float = 0.2) -> NDArray[np.float32]:
    """One second of each tone, of which the last quarter is padding: [tones, samples]."""
    seconds = np.arange(rate) / rate
    waves = np.sin(2 * np.pi * np.outer(frequencies, seconds)) * amplitude
    waves[:, 3 * rate // 4 :] = 0
    return waves.astype(np.float32)


def under(name: str, waves: NDArray[np.float32], rate: int = RATE) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    lengths = np.full(len(waves), 3 * rate // 4)
    return CONDITIONS[name].change(waves, lengths, rate, np.random.default_rng(0))


def decibels(waves: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(20 * np.log10(np.sqrt(np.square(waves, dtype=np.float64).mean(axis=1)) + 1e-12))


@pytest.mark.parametrize("snr", [20, 10, 0])
def test_noise_has_the_power_that_its_ratio_says_and_spares_the_padding(snr: int) -> None:
    loud, soft = tones(440), 0.01 * tones(440)
    for waves in (loud, soft):
        noisy, _ = under(f"noise-{snr}db", waves)
        assert decibels(waves) - decibels(noisy - waves) == pytest.approx(snr, abs=0.3)
        assert not noisy[:, 3 * RATE // 4 :].any()
    silent = np.zeros((1, RATE), np.float32)
    assert not under(f"noise-{snr}db", silent)[0].any()


def test_gains_are_gains() -> None:
    waves = tones(440)
    assert decibels(under("louder", waves)[0]) - decibels(waves) == pytest.approx(12)
    assert decibels(under("softer", waves)[0]) - decibels(waves) == pytest.approx(-12)


def test_a_shift_moves_the_sound_and_its_end() -> None:
    waves = tones(440)
    later, lengths = under("shift", waves)
    assert not later[:, :1600].any()
    assert np.array_equal(later[:, 1600:], waves[:, :-1600])
    assert lengths.tolist() == [12000 + 1600]


@pytest.mark.parametrize("rate", [6000, 8000, 16000, 44100])
def test_a_telephone_passes_its_band_alone(rate: int) -> None:
    waves = tones(60, 1000, 2500, rate=rate)
    low, *middle = decibels(under("telephone", waves, rate)[0]) - decibels(waves)
    assert low < -20 and middle == pytest.approx([0, 0], abs=1)
    if rate > 16000:
        high = tones(7000, rate=rate)
        assert decibels(under("telephone", high, rate)[0]) - decibels(high) < -20


@pytest.mark.parametrize("rate", [*MP3_RATES, 10000, 50000])
def test_mp3_keeps_the_sound_in_its_time_at_any_rate(rate: int) -> None:
    """A burst begins and ends where it did, and the tone is hardly changed: decoders add a delay that is cut again."""
    waves = tones(440, rate=rate)
    waves[:, : rate // 4] = 0
    coded, _ = under("mp3", waves, rate)
    assert coded.shape == waves.shape and not np.array_equal(coded, waves)
    inside = slice(rate // 4, 3 * rate // 4)
    assert np.corrcoef(coded[0, inside], waves[0, inside])[0, 1] > 0.98


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_mp3_has_32_kbit_a_second(rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    write = soundfile.write

    def measured(file: io.BytesIO, *arguments: object, **options: object) -> None:
        write(file, *arguments, **options)
        sizes.append(len(file.getvalue()))

    monkeypatch.setattr(soundfile, "write", measured)
    noise = np.random.default_rng(0).normal(scale=0.1, size=(1, 20 * rate)).astype(np.float32)
    CONDITIONS["mp3"].change(noise, np.array([20 * rate]), rate, np.random.default_rng(0))
    assert sizes[0] * 8 / 20 == pytest.approx(32000, rel=0.03)


@pytest.fixture
def data(tmp_path: Path) -> PreparedData:
    return prepared(Folder(path=str(cats_and_dogs(tmp_path / "audio"))), tmp_path)


def spec(data: PreparedData) -> TrialSpec:
    training = TrainingSettings(epochs=2, batch_size=8)
    feature = PluginConfig(name="mel", options={"sample_rate": 8000})
    model = PluginConfig(name="tc-resnet")
    return TrialSpec(
        dataset=data.dataset, revision=data.revision, feature=feature, model=model, training=training, seed=1
    )


def final(data: PreparedData, *, robustness: bool) -> TrialOutcome:
    import torch

    on_device = DataOnDevice(data, torch.device("cpu"))
    options = RunOptions(robustness=robustness)
    return complete_trial(run_trial(spec(data), on_device, registry=installed(), options=options, test=True))


def saved(folder: Path, data: PreparedData, outcome: TrialOutcome) -> tuple[StudyFolder, RunRecord]:
    study = StudyFolder(folder / "study")
    record = StudyRecord(
        name="study",
        command="bench run",
        created="2026-01-01T00:00:00+00:00",
        dataset=data.dataset,
        data=data,
        objective="accuracy",
        space={},
        versions={},
    )
    study.write(record)
    moment = "2026-01-01T00:00:00+00:00"
    run = RunRecord(
        study="study", kind="final", number=1, started=moment, finished=moment, spec=spec(data), result=outcome.result
    )
    study.save(run, outcome)
    return study, run


def test_a_final_is_tested_under_every_condition_and_its_figures_stand_on_page_and_report(
    data: PreparedData, tmp_path: Path
) -> None:
    outcome = final(data, robustness=True)
    assert outcome.result.status == "complete", outcome.result.traceback
    assert list(outcome.robustness) == list(CONDITIONS)
    assert outcome.test is not None
    assert all(under.ids == outcome.test.ids for under in outcome.robustness.values())
    assert not np.array_equal(outcome.robustness["noise-0db"].probabilities, outcome.test.probabilities)
    study, run = saved(tmp_path / "results", data, outcome)
    leaderboard = build_leaderboard(tmp_path / "results", "folder")
    (row,) = leaderboard.rows()
    for name, predictions in outcome.robustness.items():
        assert row.robustness[name].mean == np.mean(predictions.predicted == predictions.targets)
    for page in (
        leaderboard_page.render_leaderboard(leaderboard, source="x.json"),
        write_report(study, run, tmp_path / "out", registry=installed()).markdown.read_text(),
    ):
        assert "| As recorded | white noise at 20 dB SNR |" in page and "MP3 at 32 kbit/s" in page
        assert f" {row.robustness['noise-0db'].mean:.4f} |" in page


def test_the_rest_of_a_final_is_the_same_with_it(data: PreparedData) -> None:
    plain, robust = final(data, robustness=False), final(data, robustness=True)
    assert plain.robustness == {} and plain.test is not None and robust.test is not None
    assert np.array_equal(plain.test.probabilities, robust.test.probabilities)
    assert plain.result.validation == robust.result.validation


def test_a_final_on_record_is_tested_later_with_the_same_figures(data: PreparedData, tmp_path: Path) -> None:
    outcome = final(data, robustness=True)
    study, run = saved(tmp_path / "results", data, replace(outcome, robustness={}))
    assert study.robustness(run) == {}
    measure_robustness(study, run, data, registry=installed())
    for name, predictions in study.robustness(run).items():
        assert np.allclose(predictions.probabilities, outcome.robustness[name].probabilities, atol=1e-5)
    gone = data.model_copy(update={"caches": {}})
    with pytest.raises(BenchError, match="no longer decoded"):
        measure_robustness(study, run, gone, registry=installed())


def test_clips_are_changed_alike_for_every_network_and_never_in_place(data: PreparedData) -> None:
    import torch

    clips = DataOnDevice(data, torch.device("cpu")).split("test", 8000)
    before = clips.samples.clone()
    first, second = (changed_clips(clips, CONDITIONS["noise-0db"], sample_rate=8000) for _ in range(2))
    assert torch.equal(first.samples, second.samples) and torch.equal(clips.samples, before)
    assert first.source is None and not torch.equal(first.samples, before)
