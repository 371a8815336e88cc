"""eSpeak NG's library, called through ctypes: text to samples.

The library comes as the wheel `espeakng-loader`. It is GPL-3.0-or-later and its own distribution; it is loaded here, never
copied. Functions and constants: espeak-ng's `speak_lib.h`.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.plugins import BenchError

LONGEST_DATA_PATH = 120
"""Bytes. The library keeps the path in 160 and cuts what is longer; file names below it have to fit as well."""

_SYNCHRONOUS, _DO_NOT_EXIT, _UTF8 = (
    2,
    0x8000,
    1,
)  # AUDIO_OUTPUT_SYNCHRONOUS, espeakINITIALIZE_DONT_EXIT, espeakCHARS_UTF8
_RATE, _PITCH = 1, 3  # espeak_PARAMETER
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class Voice:
    """A variant (timbre) of eSpeak NG's English, in any accent.

    The library's oscillators and random numbers run on from word to word, and restarting it does not reset them: the same
    words in the same order come out the same only in a process that has spoken nothing before.
    """

    def __init__(self, variant: str, data: Path) -> None:
        """Raises BenchError where the library or the variant is not there."""
        import espeakng_loader

        # A voice `en+NAME` with an unknown NAME is accepted, and spoken without any variant.
        if not (data / "voices" / "!v" / variant).is_file():
            raise BenchError(f"eSpeak NG has no voice variant {variant!r}: install espeakng-loader 0.2.4 again")
        self._variant = variant
        self._spoken: list[bytes] = []
        self._callback = _Callback(self._receive)  # kept: the library holds no reference of its own
        try:
            self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        except OSError as error:
            raise BenchError(f"eSpeak NG's library cannot be loaded ({error}): install espeakng-loader again") from None
        self.sample_rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, os.fsencode(data), _DO_NOT_EXIT)
        """Samples per second, in Hz."""
        if self.sample_rate <= 0:
            raise BenchError(f"eSpeak NG cannot read its data at {data}: install espeakng-loader again")
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # else breath noise is seeded with the time of day

    def say(self, text: str, *, accent: str, rate: int, pitch: int) -> NDArray[np.int16]:
        """Samples of `text`, [samples]; rate in words a minute (80 to 450), pitch 0 to 100.

        Raises BenchError where the accent is unknown.
        """
        name = f"{accent}+{self._variant}"
        # An unknown name leaves the last voice in place: going on would label one voice as another.
        if self._library.espeak_SetVoiceByName(name.encode()) != 0:
            raise BenchError(f"eSpeak NG has no voice {name!r}: install espeakng-loader 0.2.4 again")
        self._library.espeak_SetParameter(_RATE, rate, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        self._spoken.clear()
        encoded = text.encode()
        length = ctypes.c_size_t(len(encoded) + 1)
        status = self._library.espeak_Synth(encoded, length, 0, 0, 0, _UTF8, None, None)
        if status != 0:
            raise BenchError(f"eSpeak NG could not say {text!r} (error {status}): install espeakng-loader again")
        return np.frombuffer(b"".join(self._spoken), np.int16)

    def _receive(self, samples: int | None, count: int, events: int | None) -> int:
        if samples and count > 0:
            self._spoken.append(ctypes.string_at(samples, 2 * count))
        return 0  # go on


@contextmanager
def data_folder() -> Iterator[Path]:
    """The library's data at a path short enough for it: where it is installed, or a link from a temporary folder."""
    import espeakng_loader

    installed = Path(espeakng_loader.get_data_path())
    if len(os.fsencode(installed)) <= LONGEST_DATA_PATH:
        yield installed
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        short = Path(folder) / installed.name
        if len(os.fsencode(short)) > LONGEST_DATA_PATH:
            raise BenchError(
                f"the temporary folder {folder} is too long a path for eSpeak NG: set TMPDIR to a short one"
            )
        try:
            short.symlink_to(installed, target_is_directory=True)
        except OSError:  # not allowed on every Windows; the folder has 19 MB
            shutil.copytree(installed, short)
        yield short
