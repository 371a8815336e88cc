"""How the names of audio files end, in lower case and with the dot."""

from __future__ import annotations

_KINDS = "wav wave w64 rf64 flac mp3 ogg oga opus aif aiff aifc au snd caf voc sph nist avr paf svx"
AUDIO_SUFFIXES = frozenset(f".{kind}" for kind in _KINDS.split())
"""Endings of the formats that libsndfile knows by their content."""

_FOREIGN_KINDS = "m4a mp4 aac wma webm amr 3gp ape wv mka raw pcm"
FOREIGN_AUDIO_SUFFIXES = frozenset(f".{kind}" for kind in _FOREIGN_KINDS.split())
"""Endings of recordings that libsndfile cannot read."""
