"""Recordings cut into clips: where, how many, and all of a recording in one split."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_audio import prepared, tone, write

from bench.data.decoding import pieces
from bench.data.preparation import load_split
from bench.errors import BenchError
from bench.plugins import Clip, PluginConfig
from bench.plugins.registry import installed
from bench_plugins.datasets.folder import Folder


@given(st.floats(0.02, 60), st.floats(0.05, 5), st.floats(0, 10))
def test_pieces_follow_each_other_and_lose_less_than_half_of_one(length: float, seconds: float, start: float) -> None:
    clip = Clip("a.wav", "cat", "train", start=start)
    cut = pieces(clip, length, seconds)
    assert {piece.group for piece in cut} == {"a.wav"} and len({piece.id for piece in cut}) == len(cut)
    assert cut[0].start == start
    if length <= seconds * 1.001:
        assert [(piece.start, piece.end) for piece in cut] == [(start, None)]
        return
    for before, after in pairwise(cut):
        assert before.end == pytest.approx(after.start)
    end = cut[-1].end
    assert end is not None and -seconds / 2 <= start + length - end + 1e-5 * seconds + 1e-9
    assert start + length - end <= seconds / 2 + 1e-6


def test_a_stretch_is_not_cut_past_its_end() -> None:
    cut = pieces(Clip("a.wav", "cat", "train", group="g", start=1.0, end=2.8), 1.8, 1.0)
    assert [(piece.start, piece.end, piece.group) for piece in cut] == [(1.0, 2.0, "g"), (2.0, 2.8, "g")]


def recordings(root: Path) -> Path:
    """Twelve notes of 1.3 s, one of 0.2 s, and one whose middle half second is silent."""
    for number in range(12):
        write(root / ("cat", "dog")[number % 2] / f"{number}.wav", tone(number, 1.3))
    write(root / "cat" / "short.wav", tone(90, 0.2))
    paused = tone(91, 1.5)
    paused[4000:8000] = 0
    write(root / "dog" / "paused.wav", paused)
    return root


def test_recordings_are_cut_and_stay_in_one_split(tmp_path: Path) -> None:
    dataset = Folder(path=str(recordings(tmp_path / "audio")), clip_seconds=0.5, cut=True)
    data = prepared(dataset, tmp_path)
    # Of 1.3 s: two halves and 0.3 s, which is more than half of one.
    assert sum(map(sum, data.supports.values())) == 12 * 3 + 1 + 2
    assert data.seconds == 0.5 and all(data.grouped.values())
    assert any(note.startswith("1 recording is shorter than the clips of 0.5 s") for note in data.notes)
    assert "1 clip cut from recordings is silent and left out" in data.notes
    assert not any("longer" in note for note in data.notes)
    split_of: dict[str, str] = {}
    for split in ("train", "validation", "test"):
        clips = load_split(data, split, sample_rate=8000)  # type: ignore[arg-type]
        assert len(clips.ids) == data.clips(split)  # type: ignore[arg-type]
        for identifier, group in zip(clips.ids, clips.groups, strict=True):
            path = identifier.partition("#")[0]
            assert group == path and split_of.setdefault(path, split) == split
        if split == "train":
            first = clips.ids.index(next(name for name in clips.ids if name.endswith("#0.5-1")))
            import soundfile

            audio, _ = soundfile.read(tmp_path / "audio" / clips.ids[first].partition("#")[0], dtype="int16")
            assert np.array_equal(clips.samples[first], audio[4000:8000])


def test_the_same_without_cutting_is_other_data(tmp_path: Path) -> None:
    path = str(recordings(tmp_path / "audio"))
    whole = prepared(Folder(path=path, clip_seconds=0.5), tmp_path)
    assert sum(map(sum, whole.supports.values())) == 14
    assert whole.revision != prepared(Folder(path=path, clip_seconds=0.5, cut=True), tmp_path).revision


@pytest.mark.parametrize("config", [("folder", {"path": "x"}), ("csv", {"file": "x"})])
def test_cutting_needs_a_length(config: tuple[str, dict[str, str]]) -> None:
    with pytest.raises(BenchError, match="cut needs clip_seconds"):
        installed().dataset(PluginConfig(name=config[0], options={**config[1], "cut": True}))


def test_half_second_clips_of_real_notes(shared_data: Path, tmp_path: Path) -> None:
    """Over real mp3 files, one of which is empty."""
    from bench.data.preparation import prepare

    data = prepare(
        installed().dataset(PluginConfig(name="philharmonia")),
        data_dir=shared_data,
        cache_dir=tmp_path,
        sample_rates=[12000],
    )
    assert len(data.labels) == 14 and all(min(counts) > 0 for counts in data.supports.values())
    assert any("saxophone_Fs3_15_fortissimo_normal.mp3 (empty: 0 bytes)" in note for note in data.notes)
