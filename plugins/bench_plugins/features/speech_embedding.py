"""What a network that was trained on much speech hears in a clip."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar, Literal

from bench.plugins import Feature, Infeasible, Scalar

if TYPE_CHECKING:
    from torch import nn

LIBRARIES = ("pyopen_wakeword", "tflite")
"""What holds the weights, and what reads them."""
WINDOW, HOP = 512, 160
"""Of the mel spectrogram, in samples at 16 kHz."""
FRAMES, STEP = 76, 8
"""Mel frames that an embedding is of, and from one to the next."""
VALUES = 96
SPAN = WINDOW + (FRAMES - 1) * HOP
"""Samples that one embedding is of."""
BEFORE, AFTER = SPAN, SPAN // 2
"""Zeros around every clip. The network was trained to know a word when it has just ended: on fsdd with each speaker left
out in turn, a linear probe on single windows had an accuracy of 0.55, on windows that slide over the whole clip 0.97."""


class SpeechEmbedding(Feature):
    """Speech embedding, [96, windows]: 96 values for 0.78 s of sound, every 80 ms, by a frozen network.

    Lin et al., 2020 (arXiv:2002.01322): trained to tell keywords in speech of YouTube videos apart. The weights are in the
    wheel of pyopen-wakeword (Apache-2.0), which `pip install 'bench-audio[pretrained]'` brings. With few clips of speech
    a linear probe on it is hard to beat.
    """

    name: ClassVar[str] = "speech-embedding"
    in_default_search: ClassVar[bool] = all(find_spec(library) for library in LIBRARIES)
    pretrained_on: ClassVar[str] = "speech in YouTube videos, to tell keywords apart (Lin et al., 2020)"
    training: ClassVar[Mapping[str, Scalar]] = {"time_shift": 0.0, "noise_snr": None, "gain": 0.0, "epochs": 24}
    """Clips that are never changed are embedded once for the whole study, and an epoch on them takes milliseconds."""
    sample_rate: Literal[16000] = 16000
    """Sample rate of the waveforms, in Hz: the one that the network was trained at."""

    def build(self) -> nn.Module:
        self._require_weights()
        from bench_plugins.front_ends.speech_embedding import EmbeddedSpeech

        return EmbeddedSpeech.from_wheel(hop=HOP, around=(BEFORE, AFTER))

    def shape(self, samples: int) -> tuple[int, ...]:
        self._require_weights()
        frames = (BEFORE + samples + AFTER - WINDOW) // HOP + 1
        return (VALUES, (frames - FRAMES) // STEP + 1)

    def _require_weights(self) -> None:
        if not all(find_spec(library) for library in LIBRARIES):
            raise Infeasible("the weights of speech-embedding are not installed: pip install 'bench-audio[pretrained]'")
