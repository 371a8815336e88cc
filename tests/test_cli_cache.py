"""`bench cache`: what it shows, what it removes, and what it leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cli_runner import refusal, run
from made_audio import cats_and_dogs, prepared

from bench.data.cache_contents import cache_contents, remove
from bench.data.feature_cache import FeatureCache
from bench.data.offline_augmentation import prepare_augmented_copies
from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.locks import audio_in_use
from bench.plugins import PluginConfig, TrainingSettings
from bench_plugins.datasets.folder import Folder

DAY = 24 * 3600


def bench(*words: str, answer: str = "") -> str:
    """What `bench cache WORDS` prints."""
    done = run("cache", *words, answer=answer)
    assert done.returncode == 0, done.stderr
    return done.stdout


def last_used(folder: Path, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(folder, (then, then))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def data(tmp_path: Path, cache: Path) -> PreparedData:
    """Decoded at two rates, used one and two days ago, and two features of it, used three and four days ago."""
    data = prepared(Folder(path=str(cats_and_dogs(tmp_path / "audio", clips=10))), tmp_path, 8000, 16000)
    store = FeatureCache(cache, limit=None)
    for number, feature in enumerate(("mel", "mfcc")):
        name = f"{number:032x}"
        clips = f"{data.caches[8000].name} train"
        store.write(name, np.ones((100, 100), np.float32), clips=clips, feature=PluginConfig(name=feature))
        last_used(cache / "features" / name, 3 + number)
    for days, rate in enumerate((8000, 16000), start=1):
        last_used(data.caches[rate], days)
    return data


def kinds(cache: Path) -> list[str]:
    return [f"{item.kind} {item.what}" for item in cache_contents(cache)]


@pytest.mark.usefixtures("data")
def test_list_shows_what_there_is_with_totals() -> None:
    shown = bench("list")
    assert [line.split()[:2] for line in shown.splitlines()[1:5]] == [["audio", "folder"]] * 2 + [
        ["features", "folder"]
    ] * 2
    assert "16,000 Hz" in shown and "mfcc, train" in shown and "4 days ago" in shown
    assert "2 audio and 2 features, " in shown
    assert "audio" not in bench("list", "features").splitlines()[1]


def test_a_use_is_seen(data: PreparedData, cache: Path, tmp_path: Path) -> None:
    assert kinds(cache) == ["features mfcc, train", "features mel, train", "audio 16,000 Hz", "audio 8,000 Hz"]
    FeatureCache(cache, limit=None).read(f"{1:032x}")
    prepared(Folder(path=data.dataset.options["path"]), tmp_path, 16000)
    assert kinds(cache) == ["features mel, train", "audio 8,000 Hz", "features mfcc, train", "audio 16,000 Hz"]


@pytest.mark.usefixtures("data")
def test_clear_asks_first_and_takes_names_and_kinds(cache: Path) -> None:
    before = kinds(cache)
    assert "nothing was removed" in bench("clear", answer="n\n") and kinds(cache) == before
    assert "Remove 2 features" in bench("clear", "features", answer="y\n")
    assert kinds(cache) == before[2:]
    assert "removed 2 audio" in bench("clear", "folder", "--yes")
    assert kinds(cache) == [] and "nothing to remove" in bench("clear", "--yes")
    assert bench("list").startswith("nothing is in")


@pytest.mark.usefixtures("data")
def test_prune_removes_what_was_used_longest_ago(cache: Path) -> None:
    before = kinds(cache)
    assert "removed 1 features" in bench("prune", "--older-than", "3.5d", "--yes")
    assert kinds(cache) == before[1:]
    sizes = [item.size for item in cache_contents(cache)]
    bench("prune", "--max-size", str(sum(sizes[1:])), "--yes")
    assert kinds(cache) == before[2:]
    assert "nothing to remove" in bench("prune", "--max-size", "1GB", "--older-than", "1w", "--yes")
    bench("prune", "--max-size", "0", "--yes")
    assert kinds(cache) == []


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    ("code", "words", "said"),
    [
        (1, ("clear", "foldr", "--yes"), "nothing in the cache is called 'foldr': did you mean folder?"),
        (1, ("list", "feature"), "did you mean features?"),
        (2, ("prune",), "needs --max-size"),
        (2, ("prune", "--max-size", "much"), "--max-size 'much' is no size"),
        (2, ("prune", "--older-than", "30"), "--older-than '30' is no age"),
    ],
)
def test_what_is_not_understood_removes_nothing(code: int, words: tuple[str, ...], said: str, cache: Path) -> None:
    before = kinds(cache)
    refusal(run("cache", *words), said, code=code)
    assert kinds(cache) == before


def test_what_a_study_runs_on_stays(data: PreparedData, cache: Path) -> None:
    """Locked by another process, until that is killed."""
    settings = TrainingSettings(offline_copies=1, offline_pitch_probability=0.0)
    prepare_augmented_copies(data, settings, sample_rate=8000, processes=0)
    code = (
        "import sys, time, pathlib; from bench.locks import audio_in_use\n"
        "with audio_in_use([pathlib.Path(sys.argv[1])]): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(data.caches[8000])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as study:
        assert study.stdout is not None and study.stdout.readline() == "held\n"
        try:
            done = run("cache", "clear", "--yes")
        finally:
            study.kill()
        assert sorted(kinds(cache)) == ["audio 8,000 Hz", "augmented 8,000 Hz"]
        assert "removed 1 audio and 2 features" in done.stdout
        assert "stays: a running study uses it" in done.stderr
    bench("clear", "--yes")
    assert kinds(cache) == []


def test_cleared_audio_cannot_be_held(data: PreparedData, cache: Path) -> None:
    for item in cache_contents(cache):
        assert remove(item)
    with pytest.raises(BenchError, match="is being cleared away"), audio_in_use(data.caches.values()):
        pass


def test_what_is_not_ours_is_left_alone_and_no_link_is_followed(
    data: PreparedData, cache: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    audio = data.caches[8000]
    elsewhere = outside / audio.name
    outside.mkdir()
    audio.rename(elsewhere)
    audio.symlink_to(elsewhere)
    (cache / "nodes").symlink_to(outside)
    (cache / "features" / f"{7:032x}").symlink_to(outside)
    (cache / "thesis-0123456789abcdef-8000").mkdir()
    (cache / "thesis-0123456789abcdef-8000" / "thesis.txt").write_text("years of work")
    (cache / "notes.txt").write_text("mine")
    (data.caches[16000] / "link").symlink_to(outside)
    bench("clear", "--yes")
    assert kinds(cache) == []
    assert (elsewhere / "train.npy").is_file() and audio.is_symlink()
    assert (cache / "thesis-0123456789abcdef-8000" / "thesis.txt").is_file() and (cache / "notes.txt").is_file()
    assert not data.caches[16000].exists()


def test_help_has_examples() -> None:
    assert all(verb in bench("--help") for verb in ("list", "clear", "prune"))
    assert "bench cache prune --max-size 5GB" in " ".join(bench("prune", "--help").split())
