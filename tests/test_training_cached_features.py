"""Features cached across trials: a trial has the same digits with the cache off, cold and warm; what is cached, what not."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from made_audio import prepared, tone, write
from test_trial import run, spec

from bench.data.prepared import PreparedData
from bench.plugins import Feature, code
from bench.plugins.code import code_digest
from bench.plugins.registry import installed
from bench.training import cached_features
from bench.training.cached_features import feature_key
from bench.training.device_clips import DataOnDevice
from bench.training.frontend import FrontEnd
from bench.training.segments import consecutive
from bench_plugins.datasets.folder import Folder
from bench_plugins.features import Mel

CPU = torch.device("cpu")
STILL = {"time_shift": 0.0, "noise_snr": None}
WAYS: dict[str, dict[str, Any]] = {
    "clips": STILL,
    "masked": {**STILL, "time_mask": 0.3, "time_shift": 0.1},
    "own lengths": {**STILL, "lengths": "own"},
    "segments": {**STILL, "segment_seconds": 0.2, "segment_peak": 0.5},
}


@pytest.fixture
def data(tmp_path: Path) -> PreparedData:
    """Two classes of tones, a third of which are shorter than the others."""
    for number in range(40):
        label = ("cat", "dog")[number % 2]
        write(tmp_path / "audio" / label / f"s{number % 5}_{number}.wav", tone(number, 0.35 + 0.15 * (number % 3 > 0)))
    return prepared(Folder(path=str(tmp_path / "audio")), tmp_path)


@pytest.fixture
def everything_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached_features, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(cached_features, "READ_RATE", float("inf"))


def front_end(feature: Feature) -> FrontEnd:
    return FrontEnd(feature, CPU, package=installed().package_of(feature))


def files(data: PreparedData) -> list[str]:
    folder = data.caches[8000].parent / "features"
    return sorted(path.suffix or "entry" for path in folder.glob("*") if not path.name.startswith("."))


def digits(data: PreparedData, **training: Any) -> tuple[Any, ...]:
    """Everything of a trial that is a number of its network."""
    outcome = run(spec(data, **training), DataOnDevice(data, CPU))
    assert outcome.result.status == "complete" and outcome.validation is not None, outcome.result
    losses = [(epoch.train_loss, epoch.validation_loss) for epoch in outcome.result.epochs]
    return losses, outcome.validation.probabilities.tobytes()


@pytest.mark.usefixtures("everything_is_worth_it")
@pytest.mark.parametrize("way", WAYS)
def test_a_trial_has_the_same_digits_with_the_cache_off_cold_and_warm(
    data: PreparedData, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = WAYS[way]
    monkeypatch.setenv("BENCH_FEATURE_CACHE", "0")
    off = digits(data, **settings)
    assert files(data) == []
    monkeypatch.delenv("BENCH_FEATURE_CACHE")
    assert digits(data, **settings) == off
    splits = 2 if way in ("clips", "own lengths") else 1  # else something random precedes those of the training clips
    assert files(data) == [".asked"] * splits
    assert digits(data, **settings) == off
    assert files(data) == ["entry"] * splits
    with monkeypatch.context() as patch:
        patch.setattr(FrontEnd, "all_of", None)  # nothing is computed
        patch.setattr(cached_features.FeatureCache, "write", None)
        patch.setattr("bench.training.inputs.OwnLengthInputs._all", None)
        assert digits(data, **settings) == off


@pytest.mark.usefixtures("everything_is_worth_it")
def test_damaged_features_are_computed_again(data: PreparedData) -> None:
    first = digits(data, **STILL)
    digits(data, **STILL)
    for path in data.caches[8000].parent.glob("features/*/features.npy"):
        content = bytearray(path.read_bytes())
        content[-1000:] = bytes(1000)
        path.write_bytes(content)
    assert digits(data, **STILL) == first
    assert files(data) == [".asked"] * 2


def test_what_is_computed_in_no_time_is_not_cached(data: PreparedData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached_features, "LEAST_SECONDS", 60.0)
    for _ in range(3):
        digits(data, **STILL)
    assert files(data) == []
    monkeypatch.setattr(cached_features, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(cached_features, "READ_RATE", 1.0)
    for _ in range(3):
        digits(data, **STILL)
    assert files(data) == []


def test_a_cache_that_cannot_be_written_is_done_without(
    data: PreparedData, monkeypatch: pytest.MonkeyPatch, everything_is_worth_it: None
) -> None:
    first = digits(data, **STILL)
    folder = data.caches[8000].parent / "features"
    for marker in folder.glob("*"):
        marker.unlink()
    folder.rmdir()
    folder.write_text("a file stands in its way")
    assert digits(data, **STILL) == first
    assert digits(data, **STILL) == first


def test_a_key_stands_for_everything_that_changes_a_number(data: PreparedData, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = DataOnDevice(data, CPU)
    train, validation = clips.split("train", 8000).source, clips.split("validation", 8000).source
    assert train is not None and validation is not None
    assert clips.first(4).split("train", 8000).source is None

    def key(source: Any = train, threads: int = 1, **options: Any) -> str | None:
        torch.set_num_threads(threads)
        try:
            return feature_key(front_end(Mel(sample_rate=8000, **options)), source)
        finally:
            torch.set_num_threads(1)

    assert key() == key()
    train_clips = clips.split("train", 8000)
    cuts = [consecutive(train_clips, width, peak=peak).source for width, peak in ((800, 0.0), (900, 0.0), (800, 1.0))]
    others = [key(), key(validation), key(threads=2), key(n_mels=64), *map(key, cuts)]
    monkeypatch.setattr("bench.training.frontend.CPU_CHUNK", 8)
    others.append(key())
    monkeypatch.setattr(code, "_versions", lambda distribution: [("torch", "9")])
    code._digest.cache_clear()
    others.append(key())
    code._digest.cache_clear()
    assert None not in others and len(set(others)) == len(others)


def test_the_same_audio_elsewhere_is_the_same_clips_and_other_audio_is_not(tmp_path: Path) -> None:
    def digest(folder: str, seed: int) -> str:
        for number in range(8):
            write(tmp_path / folder / ("cat", "dog")[number % 2] / f"s{number}.wav", tone(seed + number))
        data = prepared(Folder(path=str(tmp_path / folder)), tmp_path / folder)
        source = DataOnDevice(data, CPU).split("train", 8000).source
        assert source is not None
        return source.digest

    assert digest("here", 1) == digest("there", 1) != digest("other", 2)


def test_a_feature_that_is_not_installed_or_has_changed_is_not_cached(
    data: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Own(Mel):
        name: ClassVar[str] = "own"

    source = DataOnDevice(data, CPU).split("train", 8000).source
    assert source is not None
    assert feature_key(front_end(Own(sample_rate=8000)), source) is None
    package = tmp_path / "sounding"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from bench_plugins.features import Mel\nclass Loud(Mel):\n    name = 'loud'\n"
    )
    part = package / "part.py"
    part.write_text("LOUDNESS = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    past = time.time() - 3600
    for file in package.glob("*.py"):
        os.utime(file, (past, past))
    monkeypatch.setattr(code, "IMPORTS_BEGIN", past + 60)
    from sounding import Loud  # type: ignore[import-not-found]

    def digest() -> str | None:
        code._digest.cache_clear()
        return code_digest(Loud, "sounding")

    monkeypatch.setattr(code, "IMPORTS_BEGIN", time.time() + 60)
    first = digest()
    assert first == digest() is not None
    part.write_text("LOUDNESS = 2\n")
    assert digest() not in (None, first)
    monkeypatch.setattr(code, "IMPORTS_BEGIN", past)
    assert digest() is None
    code._digest.cache_clear()
