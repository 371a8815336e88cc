"""Spoken digits: really spoken here, in a few voices."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.errors import BenchError
from bench.plugins import Split
from bench_plugins.datasets.spoken_digits import SpokenDigits
from bench_plugins.speech import espeak
from bench_plugins.speech.script import ACCENTS, TAKES, VOICES, WORDS
from bench_plugins.speech.synthesis import synthesise

# f2 breathes (random noise), klatt is another synthesiser, Andy a plain variant.
FEW: dict[Split, tuple[str, ...]] = {"train": ("klatt", "m3"), "validation": ("f2",), "test": ("Andy",)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "spoken-digits-v1"
    synthesise(root, lambda done, total: None, voices=FEW, takes=2)
    return root


def hashes(root: Path) -> dict[str, str]:
    files = sorted(root.rglob("*.wav"))
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_bytes_every_time_whatever_is_made_beside_them(made: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    synthesise(again, lambda done, total: None, voices={"test": ("Andy",), "train": ("f2",)}, takes=2)
    first = hashes(made)
    assert len(first) == 4 * 10 * 2
    assert len(set(first.values())) == len(first)
    second = {name.replace("train/f2", "validation/f2"): value for name, value in hashes(again).items()}
    assert second == {name: value for name, value in first.items() if "/Andy/" in name or "/f2/" in name}


def test_clips_are_one_second_at_most_and_audible(made: Path) -> None:
    for path in made.rglob("*.wav"):
        samples, rate = soundfile.read(path)
        assert rate == 22050 and soundfile.info(path).subtype == "PCM_16" and samples.ndim == 1
        assert 0.15 <= len(samples) / rate <= 1.0
        assert 0.05 <= np.abs(samples).max() < 1.0
        assert np.sqrt(np.mean(samples**2)) > 0.003


def test_a_word_is_like_itself_in_another_take_and_unlike_the_others(tmp_path: Path) -> None:
    """Nearest neighbour over plain spectra tells the words of one voice apart far above chance (0.1)."""
    with espeak.data_folder() as data:
        voice = espeak.Voice("m3", data)
    takes = [[voice.say(word, accent="en-us", rate=rate, pitch=50) for word in WORDS] for rate in (150, 170)]

    def spectrum(samples: np.ndarray) -> np.ndarray:
        thirds = np.array_split(samples.astype(float), 3)
        bands = [np.abs(np.fft.rfft(third, 8192))[:1500].reshape(50, 30).mean(axis=1) for third in thirds]
        log = np.log(np.concatenate(bands) + 1)
        return (log - log.mean()) / log.std()

    first, second = (np.stack([spectrum(samples) for samples in take]) for take in takes)
    assert np.mean((first @ second.T).argmax(axis=1) == np.arange(10)) >= 0.7


def test_voices_are_disjoint_known_and_make_2400_clips() -> None:
    names = [voice for voices in VOICES.values() for voice in voices]
    assert len(names) == len(set(names)) == 60
    assert len(names) * len(WORDS) * TAKES == 2400
    with espeak.data_folder() as data:
        assert not [name for name in names if not (data / "voices" / "!v" / name).is_file()]
    families = [{name.rstrip("0123456789") for name in names if len(name) > 2} for names in VOICES.values()]
    assert not families[0] & families[1] and not families[0] & families[2] and not families[1] & families[2]


def test_every_accent_is_spoken() -> None:
    with espeak.data_folder() as data:
        voice = espeak.Voice("m3", data)
        spoken = {voice.say("nine", accent=accent, rate=170, pitch=50).tobytes() for accent in ACCENTS}
    assert len(spoken) == len(ACCENTS)


def test_unknown_voices_are_refused() -> None:
    with espeak.data_folder() as data:
        with pytest.raises(BenchError, match="no voice variant 'nobody'"):
            espeak.Voice("nobody", data)
        with pytest.raises(BenchError, match=r"no voice 'xx\+m3'"):
            espeak.Voice("m3", data).say("one", accent="xx", rate=170, pitch=50)


def test_a_deep_install_path_is_shortened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The library would cut the path, and find no data."""
    import espeakng_loader

    deep = tmp_path.joinpath(*["a-rather-long-folder-name"] * 6, "espeak-ng-data")
    deep.parent.mkdir(parents=True)
    deep.symlink_to(espeakng_loader.get_data_path(), target_is_directory=True)
    monkeypatch.setattr(espeakng_loader, "get_data_path", lambda: str(deep))
    with espeak.data_folder() as data:
        assert len(str(data)) <= espeak.LONGEST_DATA_PATH
        assert len(espeak.Voice("m3", data).say("one", accent="en", rate=170, pitch=50)) > 2000
    assert not data.exists() and deep.exists()


def test_progress_counts_to_the_end_and_nothing_else_is_left(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    synthesise(
        tmp_path / "root", lambda done, total: seen.append((done, total)), voices={"test": ("m3", "f4")}, takes=1
    )
    assert seen == [(1, 2), (2, 2)]
    assert [path.name for path in tmp_path.iterdir()] == ["root"]


def test_an_interrupt_ends_it(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesise(tmp_path / "root", interrupt, voices={"test": ("m3", "f4")}, takes=1)
    assert len(list((tmp_path / "root").rglob("*.wav"))) == 10


def test_a_library_that_fails_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"eSpeak NG died \(.*no voice variant 'nobody'.*\): install espeakng-loader"):
        synthesise(tmp_path / "root", lambda done, total: None, voices={"test": ("nobody",)}, takes=1)


def test_a_script_without_a_main_guard_is_not_run_again(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from bench_plugins.speech.synthesis import synthesise\n"
        "print('once')\n"
        "synthesise(Path('root'), lambda done, total: None, voices={'test': ('m3',)}, takes=1)\n"
    )
    shown = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True)
    assert (shown.stdout, shown.stderr, len(list(tmp_path.rglob("*.wav")))) == ("once\n", "", 10)


def test_the_folder_is_the_given_one_where_it_is_there_and_else_the_cache(tmp_path: Path) -> None:
    assert SpokenDigits().root(tmp_path / "read-only") == tmp_path / "cache" / "spoken-digits-v1"
    (tmp_path / "given" / "spoken-digits-v1").mkdir(parents=True)
    assert SpokenDigits().root(tmp_path / "given") == tmp_path / "given" / "spoken-digits-v1"


def test_what_a_copy_lacks_is_missing(made: Path) -> None:
    listing = SpokenDigits().clips(made)
    assert "test/Andy/zero_2.wav" in listing.missing and "test/Andy/zero_1.wav" not in listing.missing
    some = SpokenDigits(classes=("one", "two")).clips(made).missing
    assert set(some) == {path for path in listing.missing if Path(path).name.startswith(("one_", "two_"))}
    assert all(clip.group == clip.path.split("/")[1] and clip.label in WORDS for clip in listing.clips)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="made again"):
        SpokenDigits().clips(tmp_path)
