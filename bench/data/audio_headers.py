"""What the headers of wav, aiff and caf files say of the length of their sound, and what is to be made of it.

A program that writes to a pipe cannot go back to the header, and a recorder that dies does not come to it: both leave a
placeholder there. Such a file is whole, and is told from one whose end is missing by the number that it states.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

PLACEHOLDERS = (0x7F000000, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
"""Lengths in bytes that programs write before they know the true one (sox, arecord, ffmpeg), give or take a header."""
HEADER_BYTES = 72
"""Bytes by which a length may be too large since headers were counted in it: no more than a millisecond of sound."""

_Order = Literal["little", "big"]
_FORMS: dict[bytes, _Order] = {b"RIFF": "little", b"RF64": "little", b"RIFX": "big", b"FORM": "big", b"caff": "big"}


class TruncatedSound(Exception):
    """The end of the sound is missing; the message says how much is there."""


@dataclass(frozen=True)
class HeaderRepair:
    """A file whose header states another length than the file has, although its sound is whole."""

    patches: tuple[tuple[int, bytes], ...]
    """Bytes to put at positions of the file, without which libsndfile finds no sound; none if it reads to the end anyway."""

    def source(self, path: Path) -> Path | BinaryIO:
        """What soundfile is to open in place of the file."""
        if not self.patches:
            return path
        content = bytearray(path.read_bytes())
        for position, value in self.patches:
            content[position : position + len(value)] = value
        return io.BytesIO(content)


def check_header(path: Path, size: int) -> HeaderRepair | None:
    """Compares the length that a header states with the bytes that the file has.

    libsndfile reads truncated wav and aiff files without complaint.

    Args:
        path: The file.
        size: Its bytes.

    Returns:
        How it is read if the header is wrong and the sound is whole; None for a header that is right, and for files of
        other formats.

    Raises:
        TruncatedSound: The header states more bytes of sound than there are.
    """
    with path.open("rb") as file:
        form = file.read(4)
        if form not in _FORMS:
            return None
        wide = form == b"caff"
        order = _FORMS[form]
        width = 8 if wide else 4
        file.seek(8 if wide else 12)
        long_at = 0
        """Position of the 64-bit length of RF64's sound, which its chunk does not hold."""
        while len(chunk := file.read(4 + width)) == 4 + width:
            kind, start = chunk[:4], file.tell()
            length = int.from_bytes(chunk[4:], order)
            if kind == b"ds64":
                long_at = start + 8
            if kind not in (b"data", b"SSND"):
                file.seek(length + (0 if wide else length % 2), os.SEEK_CUR)  # chunks begin at even positions
                continue
            length_at, length_width = (long_at, 8) if long_at else (start - width, width)
            if long_at:
                file.seek(long_at)
                length = int.from_bytes(file.read(8), order)
                file.seek(start)
            present = size - start
            repaired = HeaderRepair(((length_at, present.to_bytes(length_width, order)),))
            if not length:
                return repaired if _is_sound(file.read(8), present, order) else None
            if length <= present:
                return None
            if length - present <= HEADER_BYTES or any(abs(length - known) <= 256 for known in PLACEHOLDERS):
                return repaired if wide else HeaderRepair(())
            raise TruncatedSound(f"truncated: {present} of {length} bytes of sound are there")
    return None


def _is_sound(following: bytes, present: int, order: _Order) -> bool:
    """Whether sound follows a chunk that says it is empty, rather than nothing or another chunk."""
    another = following[:4].isascii() and following[:4].decode("ascii").isprintable()
    return present > 8 and not (another and int.from_bytes(following[4:8], order) <= present - 8)
