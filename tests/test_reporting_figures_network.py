"""Figures of a trained network and its clips: the network is the one that was tested, and a report never fails by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from figure_runs import CNN, MEL, train_on_tones

from bench.data.preparation import load_split
from bench.errors import BenchError
from bench.plugins import PluginConfig
from bench.plugins.registry import installed
from bench.reporting.example_audio import clips_by_id, clips_of_classes, examples, is_decoded
from bench.reporting.run_figures import FIGURE_KINDS, Subject, draw_figures
from bench.reporting.run_report import write_report
from bench.reporting.trained_network import MAX_LAYERS, TrainedNetwork, loudest_segment
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord
from bench.trial import RangeTest

WAVEFORM = PluginConfig(name="waveform", options={"sample_rate": 8000})


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyFolder, RunRecord]:
    return train_on_tones(tmp_path_factory.mktemp("tones"))


def network(study: StudyFolder, run: RunRecord) -> TrainedNetwork:
    return TrainedNetwork(study, run, study.record().data, registry=installed())


def logits(trained: TrainedNetwork, samples: np.ndarray, length: int) -> np.ndarray:
    return trained.layers(trained.model_input(samples, length))[-1].values


@pytest.mark.parametrize(
    ("model", "options", "training"),
    [
        ("cnn", CNN.options, {}),
        ("crnn", {"channels": 32, "hidden": 32}, {}),
        ("tc-resnet", {}, {"lengths": "own", "time_shift": 0.0}),
    ],
)
def test_the_network_says_of_test_clips_what_it_said_when_it_was_tested(
    tmp_path: Path, model: str, options: dict[str, object], training: dict[str, object]
) -> None:
    study, run = train_on_tones(tmp_path, model=PluginConfig(name=model, options=options), **training)
    trained = network(study, run)
    clips = load_split(study.record().data, "test", sample_rate=8000)
    outputs_by_clip = [
        logits(trained, clips.samples[index], int(clips.lengths[index])) for index in range(len(clips.ids))
    ]
    probabilities = torch.from_numpy(np.stack(outputs_by_clip)).softmax(dim=1).numpy()
    stored = study.predictions(run, "test")
    assert clips.ids == stored.ids
    np.testing.assert_allclose(probabilities, stored.probabilities, atol=1e-5)


def test_layers_are_named_with_what_follows_them(tones: tuple[StudyFolder, RunRecord]) -> None:
    trained = network(*tones)
    layers = trained.layers(torch.randn(4000, generator=torch.Generator().manual_seed(0)))
    assert [layer.name for layer in layers] == ["Conv2d, ReLU", "MaxPool2d"] * 3 + ["Linear"]
    assert [layer.shape[0] for layer in layers] == [4, 4, 8, 8, 16, 16, 2]
    for convolution, pool in zip(layers[0:6:2], layers[1:6:2], strict=True):
        assert convolution.values.min() == 0  # after its ReLU
        assert pool.values.max() == convolution.values.max()


def test_recurrent_layers_are_drawn_over_their_steps(tmp_path: Path) -> None:
    model = PluginConfig(name="crnn", options={"channels": 32, "hidden": 32})
    study, run = train_on_tones(tmp_path, model=model)
    trained = network(study, run)
    (recurrent,) = [layer for layer in trained.layers(torch.randn(4000)) if layer.recurrent]
    assert (recurrent.name, recurrent.shape) == ("LSTM", (32, 64))  # units, channel rows


def test_of_many_layers_some_are_drawn_with_the_first_and_the_last(tmp_path: Path) -> None:
    study, run = train_on_tones(tmp_path, model=PluginConfig(name="tc-resnet", options={"depth": 14}))
    layers = network(study, run).layers(torch.randn(4000))
    assert len(layers) == MAX_LAYERS
    assert layers[0].name == "Conv1d, BatchNorm1d, ReLU" and layers[-1].name == "Linear"


def test_pooled_outputs_times_the_last_weights_are_the_logits(tones: tuple[StudyFolder, RunRecord]) -> None:
    trained = network(*tones)
    clips = clips_of_classes(tones[0].record().data, "validation", sample_rate=8000, per_class=2)
    assert [clip.target for clip in clips] == [0, 0, 1, 1]
    model_input = [trained.model_input(clip.samples, clip.length) for clip in clips]
    outputs, weights = trained.pooled(model_input)
    expected = np.stack([trained.layers(waveform)[-1].values for waveform in model_input])
    # The bias is the same for all clips.
    logits_without_bias = outputs @ weights.T
    np.testing.assert_allclose(logits_without_bias - logits_without_bias[0], expected - expected[0], atol=1e-4)


def test_the_network_of_a_run_on_segments_gets_the_loudest_one(tmp_path: Path) -> None:
    options = PluginConfig(name="cnn1d", options={})
    study, run = train_on_tones(tmp_path, feature=WAVEFORM, model=options, segment_seconds=0.25, time_shift=0.0)
    trained = network(study, run)
    samples = np.zeros(4000, dtype=np.int16)
    samples[2500:2600] = 20000
    model_input = trained.model_input(samples, 4000)
    assert len(model_input) == 2000
    assert float(model_input.max()) == pytest.approx(20000 / 32768)
    assert trained.reads_waveforms
    drawn = draw_figures(Subject(study, run, study.record().data, installed()), tmp_path / "figures")
    assert {"activations", "pooled", "filters", "clip"} <= set(drawn.files) and drawn.failures == {}


def test_the_loudest_stretch_and_what_is_shorter_than_one() -> None:
    waveform = torch.zeros(100)
    waveform[61] = 1.0
    assert loudest_segment(waveform, 20).sum() == 1
    assert loudest_segment(torch.ones(5), 20).tolist() == [1.0] * 5 + [0.0] * 15


def test_drawing_leaves_everyone_elses_random_draws_alone(tones: tuple[StudyFolder, RunRecord]) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    network(*tones)
    assert torch.equal(torch.rand(3), expected)


def test_example_clips_are_their_own_samples_and_their_feature(tones: tuple[StudyFolder, RunRecord]) -> None:

    data = tones[0].record().data
    feature = installed().feature(MEL)
    clips = clips_of_classes(data, "train", sample_rate=8000)
    assert [clip.target for clip in clips] == [0, 1]
    assert clips_by_id(data, [clips[1].id], sample_rate=8000)[0].id == clips[1].id
    example_clips = examples(data, clips, feature)
    assert [example.label for example in example_clips] == ["cat", "dog"]
    assert example_clips[0].feature.shape == feature.shape(len(example_clips[0].waveform))
    with pytest.raises(BenchError, match=r"no clip 'cat/s0_00.wav' in folder:tones: did you mean cat/"):
        clips_by_id(data, ["cat/s0_00.wav"], sample_rate=8000)


def test_a_tested_run_is_reported_with_all_its_figures(tones: tuple[StudyFolder, RunRecord], tmp_path: Path) -> None:
    study, run = tones
    test = RangeTest(rates=(1e-4, 1e-3, 1e-2), losses=(0.7, 0.5, 0.6), suggestion=1e-3)
    run = run.model_copy(update={"result": run.result.model_copy(update={"range_test": test})})
    paths = write_report(study, run, tmp_path / "report", registry=installed())
    said = paths.markdown.read_text()
    wrong = run.result.test is not None and run.result.test.accuracy < 1
    assert set(FIGURE_KINDS) - set(paths.figures) == (set() if wrong else {"alluvial"})
    for kind, path in paths.figures.items():
        assert path.read_bytes().startswith(b"\x89PNG")
        assert f"]({FIGURE_KINDS[kind].file_name})" in said
    assert "Figures left out" not in said


def test_without_the_audio_and_the_weights_the_report_says_so_in_a_line_each(
    tones: tuple[StudyFolder, RunRecord], tmp_path: Path
) -> None:
    study, run = tones
    elsewhere = StudyFolder(tmp_path / "tones")
    record = study.record()
    caches = {8000: tmp_path / "secret"}
    elsewhere.write(record.model_copy(update={"data": record.data.model_copy(update={"caches": caches})}))
    trial = run.model_copy(update={"kind": "trial"})
    (elsewhere.folder / trial.name).mkdir()
    for split in ("validation", "test"):
        study.predictions(run, split).save(elsewhere.folder / trial.name / f"{split}.npz")
    said = write_report(elsewhere, trial, tmp_path / "report", registry=installed()).markdown.read_text()
    assert "- clip: the audio is no longer decoded" in said
    assert "- activations, pooled, filters: the run stored no weights" in said
    assert "secret" not in said
    assert not is_decoded(elsewhere.record().data, 8000)
    with pytest.raises(BenchError, match="tones/trial-0001 has no weights: only finals and reproductions keep them"):
        network(elsewhere, trial)


def test_weights_of_another_network_cost_the_figures_of_the_network_alone(
    tones: tuple[StudyFolder, RunRecord], tmp_path: Path
) -> None:
    study, run = tones
    model = PluginConfig(name="cnn", options={**run.spec.model.options, "channels": 8})
    other = run.model_copy(update={"spec": run.spec.model_copy(update={"model": model})})
    drawn = draw_figures(Subject(study, other, study.record().data, installed()), tmp_path)
    assert set(drawn.failures) == {"activations", "pooled", "filters"}
    assert {"classes", "clip", "confusion", "curves"} <= set(drawn.files)
    for line in drawn.failures.values():
        assert line.startswith("the weights of tones/final-1-seed-0 do not fit the network that cnn builds now")
        assert "\n" not in line


def test_weights_that_are_no_weights_are_one_line_and_do_nothing(
    tones: tuple[StudyFolder, RunRecord], tmp_path: Path
) -> None:
    study, run = tones
    elsewhere = StudyFolder(tmp_path / "tones")
    elsewhere.write(study.record())
    (elsewhere.folder / run.name).mkdir()
    torch.save({"0.weight": Touch(tmp_path / "touched")}, elsewhere.folder / run.name / "weights.safetensors")
    with pytest.raises(BenchError, match="do not fit the network"):
        network(elsewhere, run)
    assert not (tmp_path / "touched").exists()


class Touch:
    """What a pickle can do to whoever reads it without care."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_whatever_a_figure_raises_is_a_line(
    tones: tuple[StudyFolder, RunRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, run = tones

    def broken(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("a front end\nof somebody else")

    monkeypatch.setattr("bench_plugins.front_ends.mel.MelSpectrogram.forward", broken)
    said = write_report(study, run, tmp_path / "report", registry=installed()).markdown.read_text()
    assert "- clip, activations, pooled: ZeroDivisionError: a front end of somebody else" in said
    assert "](confusion-matrix.png)" in said
