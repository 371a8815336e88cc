"""`bench check-data`: what it says of a data set, and the figure that it draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from cli_runner import run
from made_audio import cats_and_dogs, prepared, tone, write

from bench.data.audio_file import Recording
from bench.data.sound_statistics import sound_statistics
from bench.plugins.contracts import SPLITS
from bench_plugins.datasets.folder import Folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """40 clips, and one of everything that can be wrong."""
    root = cats_and_dogs(tmp_path / "own")
    first = soundfile.read(root / "cat" / "s0_0.wav")[0]
    write(root / "cat" / "copy.flac", first)
    write(root / "dog" / "copy.wav", np.stack([first, first], axis=1))
    write(root / "dog" / "clipped.wav", np.clip(8 * tone(100), -1, 1), 8000)
    write(root / "dog" / "silent.wav", np.zeros(4000))
    write(root / "cat" / "other-rate.wav", tone(101, 1.5, 11025), 11025)
    (root / "cat" / "broken.wav").write_bytes(b"RIFF")
    return root


def test_everything_that_is_wrong_is_said_in_80_columns(root: Path, tmp_path: Path) -> None:
    done = run("check-data", f"folder:{root}", "--output", str(tmp_path / "what.png"))
    assert done.returncode == 1, done.stderr
    text = " ".join(done.stdout.split())
    assert max(map(len, done.stdout.splitlines())) < 80 + len(str(tmp_path))
    assert "length 0.50 to 1.50 s, median 0.50 s" in text
    assert "sample rate 8,000 Hz (44 clips), 11,025 Hz (1 clip)" in text
    assert "channels mono (44 clips), stereo (1 clip)" in text
    assert "clipped 1 clip: dog/clipped.wav" in text and "silent 1 clip: dog/silent.wav" in text
    assert "unusable 1 clip: cat/broken.wav (" in text
    assert "twins 3 clips in 1 family (2 pairs same samples)" in text
    assert "cat/copy.flac (cat) and dog/copy.wav (dog) hold the same sound: correct the label" in text
    assert (tmp_path / "what.png").read_bytes().startswith(b"\x89PNG") and str(tmp_path / "what.png") in done.stdout


def test_stretches_of_one_file_are_twins_where_they_overlap(tmp_path: Path) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(4 * 8000)
    write(tmp_path / "a.wav", noise)
    write(tmp_path / "b.wav", np.random.default_rng(1).standard_normal(8000) * 0.1)
    rows = [
        "path,label,split,start,end",
        "a.wav,x,train,0,2",
        "a.wav,x,test,START,3",
        "a.wav,x,validation,3,4",
        "b.wav,y,train,0,0.5",
        "b.wav,y,validation,0.5,",
    ]
    for start, words in (("2", "twins none"), ("1", "1 clip of test has the same recording as clips of train")):
        (tmp_path / "list.csv").write_text("\n".join(rows).replace("START", start) + "\n")
        done = run("check-data", f"csv:{tmp_path / 'list.csv'}", "--output", str(tmp_path / "what.png"))
        assert done.returncode == 0 and words in " ".join(done.stdout.split())


def test_splits_and_groups_are_those_of_a_study(tmp_path: Path) -> None:
    root = cats_and_dogs(tmp_path / "own")
    for number in range(0, 12, 2):
        for copy in "ab":
            write(
                root / "cat" / f"{copy}{number}.flac", soundfile.read(root / "cat" / f"s{number % 5}_{number}.wav")[0]
            )
    done = run("check-data", f"folder:{root}", "--output", str(tmp_path / "what.png"))
    text = " ".join(done.stdout.split())
    assert "files 52, which hold 40 recordings" in text
    assert "twins 18 clips in 6 families (12 pairs same samples), 0 of them across splits" in text
    data = prepared(Folder(path=str(root)), tmp_path)
    for row, label in enumerate(data.labels):
        counts = [data.supports[split][row] for split in SPLITS]
        assert " ".join([label, *map(str, counts), str(sum(counts))]) in text


def test_cats_and_dogs_are_277_files_of_221_recordings(shared_data: Path, tmp_path: Path) -> None:
    done = run(
        "check-data", "audio-cats-and-dogs", "--data-dir", str(shared_data), "--output", str(tmp_path / "what.png")
    )
    text = " ".join(done.stdout.split())
    assert "files 277, which hold 221 recordings" in text
    assert "groups 221 recordings, 0 of them in more than one split" in text
    assert "0 of them across splits" in text and "note" not in text


def test_an_unknown_data_set_is_refused_in_a_line() -> None:
    done = run("check-data", "fsd")
    assert done.returncode == 1 and "did you mean fsdd?" in done.stderr


def test_what_counts_as_clipped() -> None:
    wave = 0.9 * np.sin(np.arange(800) / 5).astype(np.float32)
    assert not sound_statistics(Recording(wave, 8000)).clipped
    wave[100:102] = 1.0
    assert not sound_statistics(Recording(wave, 8000)).clipped
    wave[102] = 1.0
    statistics = sound_statistics(Recording(wave, 8000, 2))
    assert statistics.clipped and statistics.channels == 2 and statistics.level == pytest.approx(-3.9, abs=0.2)
    assert sound_statistics(Recording(np.zeros(1, np.float32), 8000)).level == -np.inf
