"""Offline augmentation: what it does to a clip, and that the copies are the same every time, reused, and repaired."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soak_checks
from made_audio import tone, write

from bench.data import checksums, offline_augmentation
from bench.data.checksums import file_sum
from bench.data.offline_augmentation import (
    OfflineAugmentation,
    augment_clip,
    load_augmented_copies,
    prepare_augmented_copies,
)
from bench.data.preparation import load_split, prepare
from bench.data.prepared import PreparedData
from bench.data.waveform_cache import verified
from bench.errors import BenchError
from bench.plugins import TrainingSettings
from bench_plugins.datasets.folder import Folder

RATE = 8000
NOTHING = OfflineAugmentation(
    copies_per_clip=1, pitch=0.0, pitch_probability=0.0, shift=0.0, snr_low=300.0, snr_high=300.0
)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def wave(seed: int = 1) -> np.ndarray:
    return tone(seed, 0.5, RATE).astype(np.float32)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """Two classes of six clips, half of which are shorter than the others."""
    root = tmp_path_factory.mktemp("augmented")
    for number in range(12):
        path = root / "audio" / ("cat", "dog")[number % 2] / f"{number}.wav"
        write(path, tone(number, 0.3 + 0.2 * (number % 3 > 0)))
    return prepare(
        Folder(path=str(root / "audio")), data_dir=root, cache_dir=root / "cache", sample_rates=[RATE], max_unusable=0
    )


def test_a_copy_that_changes_nothing_is_the_clip_at_its_peak() -> None:
    clip = wave()
    copy = augment_clip(clip, NOTHING, sample_rate=RATE, random=random())
    assert np.allclose(copy, clip * offline_augmentation.PEAK / np.abs(clip).max(), atol=1e-6)


@pytest.mark.parametrize("snr", [-20.0, 0.0, 40.0])
def test_noise_is_at_the_ratio_asked_for(snr: float) -> None:
    clip = wave()
    settings = OfflineAugmentation(**{**vars(NOTHING), "snr_low": snr, "snr_high": snr})
    copy = augment_clip(clip, settings, sample_rate=RATE, random=random())
    scale = np.dot(copy, clip) / np.dot(clip, clip)
    measured = 10 * np.log10(np.sum((scale * clip) ** 2) / np.sum((copy - scale * clip) ** 2))
    assert measured == pytest.approx(snr, abs=1.0)
    assert np.abs(copy).max() == pytest.approx(offline_augmentation.PEAK)


def test_a_shift_moves_zeros_in_and_keeps_the_length() -> None:
    settings = OfflineAugmentation(**{**vars(NOTHING), "shift": 0.1})
    shifts = set()
    for seed in range(20):
        copy = augment_clip(np.ones(4000, dtype=np.float32), settings, sample_rate=RATE, random=random(seed))
        sounding = np.flatnonzero(copy > 0.5)
        assert len(copy) == 4000 and len(sounding) >= 4000 - 800
        assert np.all(np.diff(sounding) == 1)
        shifts.add(int(sounding[0]) - (3999 - int(sounding[-1])))
    assert min(shifts) < -200 and max(shifts) > 200
    long = OfflineAugmentation(**{**vars(NOTHING), "shift": 9.0})
    assert np.isfinite(augment_clip(wave(), long, sample_rate=RATE, random=random(3))).all()


def test_pitch_is_shifted_by_up_to_so_many_semitones() -> None:
    time = np.arange(RATE) / RATE
    clip = (0.5 * np.sin(2 * np.pi * 500 * time)).astype(np.float32)
    settings = OfflineAugmentation(**{**vars(NOTHING), "pitch": 12.0, "pitch_probability": 1.0})
    measured = []
    for seed in range(6):
        copy = augment_clip(clip, settings, sample_rate=RATE, random=random(seed))
        spectrum = np.abs(np.fft.rfft(copy * np.hanning(len(copy))))
        semitones = 12 * np.log2(np.argmax(spectrum) / 500)
        drawn = random(seed).uniform(-12, 12)
        assert semitones == pytest.approx(drawn, abs=0.15)
        measured.append(semitones)
    assert max(measured) - min(measured) > 4
    never = OfflineAugmentation(**{**vars(settings), "pitch_probability": 0.0})
    assert np.allclose(
        augment_clip(clip, never, sample_rate=RATE, random=random()), clip * offline_augmentation.PEAK / 0.5, atol=1e-4
    )


def test_silence_stays_silent() -> None:
    settings = OfflineAugmentation.of(TrainingSettings(offline_copies=1))
    copy = augment_clip(np.zeros(800, dtype=np.float32), settings, sample_rate=RATE, random=random())
    assert not copy.any()


def test_augmented_copies_replace_the_training_clips_and_are_reused(
    prepared: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TrainingSettings(offline_copies=3, offline_snr_low=0.0)
    reported: list[tuple[str, int, int]] = []
    with pytest.raises(BenchError, match=r"copies of folder .* are gone or damaged"):
        load_augmented_copies(prepared, settings, RATE)
    prepare_augmented_copies(
        prepared, settings, sample_rate=RATE, progress=lambda *step: reported.append(step), processes=0
    )
    clips, augmented = load_split(prepared, "train", sample_rate=RATE), load_augmented_copies(prepared, settings, RATE)
    total = len(clips.ids)
    assert reported[0] == ("augmenting", 0, 3 * total) and reported[-1] == ("augmenting", 3 * total, 3 * total)
    assert augmented.ids == tuple(f"{name}~{number}" for name in clips.ids for number in (1, 2, 3))
    assert augmented.targets.tolist() == np.repeat(clips.targets, 3).tolist()
    assert augmented.lengths.tolist() == np.repeat(clips.lengths, 3).tolist() and len(set(augmented.lengths)) == 2
    for samples, length in zip(augmented.samples, augmented.lengths, strict=True):
        assert not samples[length:].any() and np.abs(samples[:length]).max() == round(offline_augmentation.PEAK * 32768)
    assert len({samples.tobytes() for samples in augmented.samples}) == 3 * total

    # Nothing has changed, so nothing is made, whoever asks.
    monkeypatch.setattr(offline_augmentation, "_augmented_clips", None)
    prepare_augmented_copies(prepared, settings.model_copy(update={"epochs": 3}), sample_rate=RATE)
    with pytest.raises(TypeError):
        prepare_augmented_copies(prepared, settings.model_copy(update={"offline_shift": 0.1}), sample_rate=RATE)
    monkeypatch.undo()

    # A damaged file is noticed and made again as it was, whatever the number of processes and the size of their pieces.
    before = augmented.samples.copy()
    (folder,) = {path.parent for path in next(iter(prepared.caches.values())).parent.glob("*-augmented-*/train.npy")}
    with (folder / "train.npy").open("r+b") as file:
        file.seek(-100, 2)
        file.write(b"\x01" * 10)
    monkeypatch.setattr(offline_augmentation, "available_cores", lambda: 1)
    monkeypatch.setattr(offline_augmentation, "PIECE", 2)
    prepare_augmented_copies(prepared, settings, sample_rate=RATE)
    assert np.array_equal(load_augmented_copies(prepared, settings, RATE).samples, before)


def test_none_are_made_where_none_are_asked_for(prepared: PreparedData) -> None:
    before = sorted(path.name for path in next(iter(prepared.caches.values())).parent.iterdir())
    prepare_augmented_copies(prepared, TrainingSettings(), sample_rate=RATE)
    assert sorted(path.name for path in next(iter(prepared.caches.values())).parent.iterdir()) == before


def test_a_full_disk_is_one_line_and_leaves_nothing(
    prepared: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("bench.data.waveform_cache.SplitWriter.add", full)
    parent = next(iter(prepared.caches.values())).parent
    before = sorted(parent.iterdir())
    with pytest.raises(BenchError, match="no space left"):
        prepare_augmented_copies(prepared, TrainingSettings(offline_copies=2, offline_pitch=0), sample_rate=RATE)
    assert sorted(parent.iterdir()) == before


def test_every_byte_is_checked_once_by_a_process(prepared: PreparedData, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = TrainingSettings(offline_copies=2, offline_shift=0.05, offline_pitch=0)
    checked: list[str] = []
    monkeypatch.setattr(checksums, "file_sum", lambda path: (checked.append(path.name), file_sum(path))[1])
    for _ in range(4):
        prepare_augmented_copies(prepared, settings, sample_rate=RATE)
    assert "train.npy" in checked and len(set(checked)) == len(checked)
    shutil.rmtree(offline_augmentation.augmented_copies_folder(prepared, settings, RATE))
    prepare_augmented_copies(prepared, settings, sample_rate=RATE)
    assert len(load_augmented_copies(prepared, settings, RATE).ids) == 2 * prepared.clips("train")


def test_copies_are_the_same_with_and_without_processes(prepared: PreparedData) -> None:
    settings = TrainingSettings(offline_copies=2, offline_shift=0.06, offline_pitch=0)
    made = []
    for processes in (0, 2):
        prepare_augmented_copies(prepared, settings, sample_rate=RATE, processes=processes)
        made.append(np.array(load_augmented_copies(prepared, settings, RATE).samples))
        shutil.rmtree(offline_augmentation.augmented_copies_folder(prepared, settings, RATE))
    assert np.array_equal(*made)


def test_two_callers_at_once_leave_one_intact_folder(prepared: PreparedData) -> None:
    settings = TrainingSettings(offline_copies=2, offline_shift=0.07, offline_pitch=0)
    with ThreadPoolExecutor(2) as both:
        for call in [both.submit(prepare_augmented_copies, prepared, settings, sample_rate=RATE) for _ in range(2)]:
            call.result()
    folder = offline_augmentation.augmented_copies_folder(prepared, settings, RATE)
    assert verified(folder) is not None and not list(folder.parent.glob(".building-*"))


def makers_of_copies() -> list[int]:
    """The processes that make copies for this one, which may have other children."""
    return [child for child in soak_checks.children(os.getpid()) if b"make_pieces" in soak_checks.command_of(child)]


def test_a_killed_process_is_one_line_and_leaves_nothing(prepared: PreparedData) -> None:
    settings = TrainingSettings(offline_copies=500, offline_pitch=0)
    before = sorted(next(iter(prepared.caches.values())).parent.iterdir())

    def kill_one(what: str, done: int, total: int) -> None:
        if done == 1:
            os.kill(makers_of_copies()[0], signal.SIGKILL)

    with pytest.raises(BenchError, match="was killed"):
        prepare_augmented_copies(prepared, settings, sample_rate=RATE, progress=kill_one)
    assert sorted(next(iter(prepared.caches.values())).parent.iterdir()) == before and not makers_of_copies()


def test_no_process_that_makes_copies_outlives_its_parent(
    prepared: PreparedData,
) -> None:
    script = (
        "import signal, sys\n"
        "from bench.data.offline_augmentation import prepare_augmented_copies\n"
        "from bench.data.prepared import PreparedData\n"
        "from bench.plugins import TrainingSettings\n"
        "def report(what, done, total):\n"
        "    done == 1 and print('made one', flush=True)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # in a job in the background it is ignored\n"
        "settings = TrainingSettings(offline_copies=50_000, offline_pitch=0)\n"
        "data = PreparedData.model_validate_json(sys.argv[1])\n"
        "prepare_augmented_copies(data, settings, sample_rate=8000, progress=report)\n"
    )
    for number in (signal.SIGINT, signal.SIGKILL):
        main = subprocess.Popen(
            [sys.executable, "-c", script, prepared.model_dump_json()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert main.stdout is not None
        assert main.stdout.readline() == "made one\n"
        children = soak_checks.children(main.pid)
        assert children
        # Ctrl-C reaches the whole group.
        os.killpg(main.pid, number) if number == signal.SIGINT else os.kill(main.pid, number)
        _, errors = main.communicate(timeout=60)
        assert errors.count("Traceback") == (1 if number == signal.SIGINT else 0), errors  # of the main process
        deadline = time.monotonic() + 60
        while any(Path(f"/proc/{child}").exists() for child in children):
            assert time.monotonic() < deadline, "a process that made copies is left"
            time.sleep(0.1)
    parent = next(iter(prepared.caches.values())).parent
    for leftover in parent.glob(".building-*"):  # of the killed one; others remove it after a day
        shutil.rmtree(leftover)
