"""From a run to what it says of files: copies of its folder, windows, formats, and files that cannot be read."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from api_classes import QUICK
from cli_runner import refusal, run
from made_audio import cats_and_dogs, tone, write
from safetensors.torch import load_file

import bench


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> bench.Study:
    root = tmp_path_factory.mktemp("predict")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE_DIR", str(root / "cache"))
        options = {**QUICK, "trials": 1, "results": root / "results"}
        return bench.run(f"folder:{cats_and_dogs(root / 'audio', clips=12)}", **options)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of other rates, channels and lengths, one of them below, and a file that is none."""
    root = tmp_path_factory.mktemp("recordings")
    sound = tone(3, seconds=0.5, sample_rate=44_100)
    write(root / "a.wav", np.stack([sound, sound], axis=1), 44_100)
    write(root / "below" / "long.flac", tone(4, seconds=2.0, sample_rate=22_050), 22_050)
    write(root / ".hidden.wav", sound, 44_100)
    (root / "notes.txt").write_text("no audio")
    return root


def test_a_copy_of_the_run_alone_says_the_same(study: bench.Study, recordings: Path, tmp_path: Path) -> None:
    """Under another name, and without a study, a data set or a cache."""
    alone = Path(shutil.copytree(study.best.folder, tmp_path / "elsewhere" / "my model"))
    here, there = study.best.load_model(), bench.load_model(alone)
    assert there.labels == ("cat", "dog") and there.seconds == 0.5 and there.notes == ()
    assert here.predict(recordings).equals(there.predict(recordings))
    done = run("predict", alone, recordings / "a.wav", "--format", "csv")
    assert done.returncode == 0 and not done.stderr, done.stderr
    (alone / "model.json").unlink()
    refusal(run("predict", alone, recordings / "a.wav"), "has no model.json", "copy that")
    (alone / "weights.safetensors").unlink()
    refusal(run("predict", alone, recordings / "a.wav"), "has no weights")


def test_a_run_of_an_earlier_version_works_in_its_study(study: bench.Study, recordings: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(study.folder, tmp_path / study.name))
    (copy / "final-1-seed-0" / "model.json").unlink()
    weights = copy / "final-1-seed-0" / "weights.safetensors"
    torch.save(load_file(weights), weights.with_name("weights.pt"))
    weights.unlink()
    before = bench.load_model(copy / "final-1-seed-0")
    assert before.predict(recordings).equals(study.best.load_model().predict(recordings))


def test_other_versions_and_other_code_are_said(study: bench.Study, recordings: Path, tmp_path: Path) -> None:
    alone = Path(shutil.copytree(study.best.folder, tmp_path / "model"))
    record = json.loads((alone / "model.json").read_text())
    record["versions"]["bench-audio"] = "0.0.1"
    record["spec"]["code"]["model"] = "0" * 12
    (alone / "model.json").write_text(json.dumps(record))
    version, code = bench.load_model(alone).notes
    assert "bench-audio is" in version and "was trained with 0.0.1" in version
    assert code.startswith("the code of model tc-resnet is not that")
    assert run("predict", alone, recordings / "a.wav").stderr.count("bench: warning: ") == 2
    (alone / "model.json").write_text(json.dumps({**record, "schema_version": 99}))
    refusal(run("predict", alone, recordings / "a.wav"), "another version of bench (schema 99, this one reads 1)")


def test_windows_are_what_the_stretches_would_be(study: bench.Study, recordings: Path, tmp_path: Path) -> None:
    model = study.best.load_model()
    table = model.predict(recordings / "below", window=0.5, hop=0.25)
    assert list(table.columns) == ["file", "start", "end", "label", "probability", "cat", "dog"]
    assert list(table["start"]) == [0.25 * number for number in range(8)] and table["end"].max() == 2.0
    long = tone(4, seconds=2.0, sample_rate=22_050)
    stretch = write(tmp_path / "stretch.flac", long[11_025:22_050], 22_050)
    assert model.predict(stretch)["cat"][0] == pytest.approx(table["cat"][2], abs=1e-4)
    whole = model.predict(recordings / "below")
    assert whole["cat"][0] == pytest.approx(table["cat"][::2].mean(), abs=1e-6), (
        "a recording is the mean of its windows"
    )
    longer = model.predict(recordings / "below", window=1.0)
    assert longer["cat"][0] == pytest.approx(table["cat"][[0, 2]].mean(), abs=1e-6), "and so is a longer window"


def test_top_and_threshold(study: bench.Study, recordings: Path) -> None:
    model = study.best.load_model()
    table = model.predict(recordings / "a.wav", top=5)
    assert list(table.columns) == ["file", "rank", "label", "probability"]
    assert set(table["label"]) == {"cat", "dog"} and table["probability"].is_monotonic_decreasing
    above = model.predict(recordings / "a.wav", top=5, threshold=float(table["probability"][0]))
    assert list(above["label"]) == [table["label"][0]]
    none = model.predict(recordings / "a.wav", threshold=1.0)
    assert list(none["label"]) == [""] and none["probability"][0] == pytest.approx(table["probability"][0])
    for wrong in ({"top": 0}, {"top": 1.5}, {"threshold": 2}, {"window": float("nan")}, {"hop": 0}):
        with pytest.raises(bench.BenchError, match=next(iter(wrong))):
            model.predict(recordings, **wrong)  # type: ignore[arg-type]


def test_formats_say_the_same_and_the_others_are_predicted(
    study: bench.Study, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copytree(recordings, tmp_path / "files"))
    (copy / "b.wav").write_text("no audio")
    monkeypatch.chdir(copy)
    tables = {}
    for format in ("csv", "jsonl", "table"):
        done = run("predict", study.best.folder, "*.wav", "below", "--format", format)
        assert done.returncode == 1, "one of them cannot be read"
        assert done.stderr.splitlines() == ["bench: b.wav cannot be classified (text, not audio)"]
        tables[format] = done.stdout
    rows = list(csv.DictReader(io.StringIO(tables["csv"])))
    assert [row["file"] for row in rows] == ["a.wav", "below/long.flac"]
    objects = [json.loads(line) for line in tables["jsonl"].splitlines()]
    assert [of["label"] for of in objects] == [row["label"] for row in rows]
    assert [of["probabilities"]["cat"] for of in objects] == [float(row["cat"]) for row in rows]
    assert [line.split()[:2] for line in tables["table"].splitlines()[1:]] == [
        [of["file"], of["label"]] for of in objects
    ]
    listed = run("predict", study.best.folder, "-", "--format", "csv", answer="a.wav\n\nbelow/long.flac\n")
    assert listed.returncode == 0 and listed.stdout == tables["csv"]


def test_what_is_refused(study: bench.Study, tmp_path: Path) -> None:
    folder = study.best.folder
    refusal(run("predict", tmp_path / "nowhere", "a.wav"), "no study")
    refusal(run("predict", study.trials[0].folder, "a.wav"), "trial-0000 has no weights")
    refusal(run("predict", folder, "-", answer=""), "no file is named", code=2)
    for words in (("--hop", "nan"), ("--window", "0"), ("--top", "0"), ("--threshold", "1.1"), ("--format", "xml")):
        refusal(run("predict", folder, "a.wav", *words), words[0], code=2)
    for name in ("nowhere.wav", "*.none", str(tmp_path)):
        done = run("predict", folder, name)
        assert done.returncode == 1 and done.stderr.startswith(f"bench: {name} cannot be classified ("), done.stderr
