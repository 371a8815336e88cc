"""Files as programs and people really leave them: odd headers, other contents than the name says, and no files at all."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from made_audio import cats_and_dogs, prepared, tone, write

import bench.data.audio_file
from bench.data.audio_file import UnreadableClip, decode, header_seconds
from bench_plugins.datasets.folder import Folder


def patched(path: Path, after: bytes, value: bytes) -> Path:
    """The file with other bytes after a marker."""
    content = bytearray(path.read_bytes())
    at = content.index(after) + len(after)
    content[at : at + len(value)] = value
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "stated", [0x7F000024, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 8000 + 16, 8000 + 36, 8000 + 68, 0]
)
def test_a_whole_wav_file_is_read_whatever_its_header_says_of_its_length(tmp_path: Path, stated: int) -> None:
    path = write(tmp_path / "a.wav", tone(0), subtype="PCM_16")
    samples = decode(path).at(8000)
    recording = decode(patched(path, b"data", struct.pack("<I", stated)))
    assert np.array_equal(recording.at(8000), samples) and recording.changes == ("header",)


@pytest.mark.parametrize("stated", [8000 + 80, 16000, 3_000_000_000])
def test_a_wav_file_that_lacks_its_end_is_still_refused(tmp_path: Path, stated: int) -> None:
    path = patched(write(tmp_path / "a.wav", tone(0), subtype="PCM_16"), b"data", struct.pack("<I", stated))
    with pytest.raises(UnreadableClip, match=f"truncated: 8000 of {stated} bytes"):
        decode(path)


def test_an_empty_chunk_of_sound_before_another_chunk_is_empty(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.zeros(0))
    path.write_bytes(path.read_bytes() + b"LIST" + struct.pack("<I", 12) + b"INFOISFT\x00\x00\x00\x00")
    with pytest.raises(UnreadableClip, match="no samples"):
        decode(path)


def test_a_name_in_another_encoding_is_said_as_a_study_says_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(0)).rename(tmp_path / os.fsdecode(b"caf\xe9.wav"))
    with pytest.raises(UnreadableClip, match=r"^its name is not in UTF-8: rename it"):
        decode(path)


@pytest.mark.parametrize("kind", ["RF64", "CAF", "RIFX", "AIFF", "AU"])
def test_other_headers_from_a_pipe(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.bin"
    options = {"endian": "BIG"} if kind == "RIFX" else {}
    soundfile.write(path, tone(0), 8000, subtype="PCM_16", format="WAV" if kind == "RIFX" else kind, **options)
    samples = decode(path).at(8000)
    unknown = {
        "RF64": (b"ds64" + struct.pack("<I", 28), bytes(24)),
        "CAF": (b"data", struct.pack(">q", -1)),
        "RIFX": (b"data", struct.pack(">I", 0x7FFFF000)),
        "AIFF": (b"SSND", struct.pack(">I", 0x7F000008)),
        "AU": (b".snd" + path.read_bytes()[4:8], b"\xff" * 4),
    }
    assert np.array_equal(decode(patched(path, *unknown[kind])).at(8000), samples)
    assert len(samples) == 4000


def test_a_flac_file_from_a_pipe_states_no_length_and_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tone(0))
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the lower four of the 36 bits of the number of samples, in the stream's information
    content[22:26] = bytes(4)
    path.write_bytes(content)
    assert soundfile.info(path).frames > 1 << 60
    with pytest.raises(UnreadableClip, match="states no length, as from a pipe: write it anew"):
        decode(path)


def test_a_gsm_file_that_cannot_be_sought_in_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(0), subtype="GSM610")
    assert not soundfile.SoundFile(path).seekable()
    assert 4000 <= len(decode(path).at(8000)) <= 4500


def test_whatever_a_decoder_raises_is_said_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = cats_and_dogs(tmp_path / "own")

    def read(file: soundfile.SoundFile) -> np.ndarray:
        if file.name.endswith("s1_1.wav"):
            raise AssertionError("no such\ncodec")
        return file.read(dtype="float32", always_2d=True)

    monkeypatch.setattr(bench.data.audio_file, "_read_all", read)
    notes = prepared(Folder(path=str(root)), tmp_path).notes
    assert any(
        "1 clip is unusable and left out: dog/s1_1.wav (AssertionError: no such codec)" in note for note in notes
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n",
            "Git LFS pointer, .*: run git lfs pull",
        ),
        (b"\n<!DOCTYPE html><html><body>log in</body></html>", "an HTML page, not audio"),
        (b"/annex/objects/SHA256E-s5--00.wav\n", "git-annex pointer, .*: run git annex get"),
        ("the cat sat: größer\n".encode() * 60, "text, not audio"),
        (b"\x00\x00\x00\x1cftypM4A \x00\x00\x02\x00" + bytes(600), "AAC in MPEG-4, .* convert it to wav"),
        (b"\x1aE\xdf\xa3" + bytes(600), "WebM or Matroska"),
        (b"PK\x03\x04" + bytes(600), "a zip archive, not audio"),
        (bytes(range(1, 200)) * 5, "not recognised"),
    ],
)
def test_what_is_no_audio_is_called_what_it_is(tmp_path: Path, content: bytes, words: str) -> None:
    for ending in ("wav", "flac"):
        path = tmp_path / f"a.{ending}"
        path.write_bytes(content)
        with pytest.raises(UnreadableClip, match=words):
            decode(path)


def test_an_aac_file_named_mp3(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes((b"\xff\xf1\x6c\x40\x02\x1f\xfc" + bytes(9)) * 60)
    with pytest.raises(UnreadableClip, match="AAC, whatever its name ends in"):
        decode(path)


def test_what_mpg123_says_stays_off_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.mp3", tone(0, 2.0, 22050), 22050)
    path.write_bytes(path.read_bytes() + b"APETAGEX" + bytes(4000))
    with soundfile.SoundFile(path) as file:
        file.read()
    assert "Xing stream size off" in capfd.readouterr().err  # what is to be kept away
    header_seconds(path)
    decode(path)
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


def test_layer_two_is_read(tmp_path: Path) -> None:
    """Frames of silence: an allocation of no bits to any band."""
    path = tmp_path / "a.mp2"
    path.write_bytes((b"\xff\xfd\x84\xc0" + bytes(380)) * 12)
    assert abs(decode(path).seconds - 12 * 1152 / 48000) < 0.06


def socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize(("make", "kind"), [(os.mkfifo, "FIFO"), (socket_at, "socket"), (os.mkdir, "folder")])
def test_only_regular_files_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], kind: str
) -> None:
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    make(Path("a.wav"))
    with pytest.raises(UnreadableClip, match=f"is no file but a {kind}"):
        decode(Path("a.wav"))
    assert header_seconds(Path("a.wav")) is None


def test_a_device_is_not_opened() -> None:
    with pytest.raises(UnreadableClip, match="is no file but a device"):
        decode(Path("/dev/zero"))
