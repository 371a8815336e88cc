"""What a file is that no decoder reads as audio, by its first bytes: what a user has to do depends on it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

FIRST_BYTES = 512
"""Bytes that are looked at."""

KNOWN = {
    b"\x1aE\xdf\xa3": "WebM or Matroska, whatever its name ends in: convert it to wav",
    b"0&\xb2u": "WMA, whatever its name ends in: convert it to wav",
    b"#!AMR": "AMR, whatever its name ends in: convert it to wav",
    b"MAC ": "Monkey's Audio, whatever its name ends in: convert it to wav",
    b"wvpk": "WavPack, whatever its name ends in: convert it to wav",
    b"ADIF": "AAC, whatever its name ends in: convert it to wav",
    b"PK\x03\x04": "a zip archive, not audio: unpack it",
    b"\x1f\x8b": "a gzip archive, not audio: unpack it",
    b"%PDF": "a PDF, not audio",
    b"\x89PNG": "a picture, not audio",
    b"\xff\xd8\xff": "a picture, not audio",
}
"""What files begin with, and what they are."""


def describe_contents(path: Path) -> str | None:
    """Says in a few words what a file is that cannot be decoded, and what to do about it; None if that is not known."""
    try:
        with path.open("rb") as file:
            beginning = file.read(FIRST_BYTES)
    except OSError:
        return None
    if beginning.startswith(b"version https://git-lfs.github.com"):
        return "a Git LFS pointer, not audio: run git lfs pull"
    for magic, what in KNOWN.items():
        if beginning.startswith(magic):
            return what
    if beginning[4:8] == b"ftyp":
        return "AAC in MPEG-4, whatever its name ends in: convert it to wav"
    if len(beginning) > 1 and beginning[0] == 0xFF and beginning[1] & 0xF6 == 0xF0:
        return "AAC, whatever its name ends in: convert it to wav"
    return _describe_text(beginning)


def _describe_text(beginning: bytes) -> str | None:
    with suppress(UnicodeDecodeError):
        text = (beginning if len(beginning) < FIRST_BYTES else beginning[:-3]).decode("utf-8-sig").strip().lower()
        if text.startswith(("<!doctype html", "<html")):
            return "an HTML page, not audio: its download has failed"
        if "annex/objects/" in text:
            return "a git-annex pointer, not audio: run git annex get"
        if text and all(character.isprintable() or character in "\t\r\n" for character in text):
            return "text, not audio"
    return None
