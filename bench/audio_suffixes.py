"""How the names of audio files end, in lower case and with the dot."""

from __future__ import annotations

SUFFIXES_OF_FORMATS = {
    "AIFF": "aiff aif aifc",
    "AU": "au snd",
    "AVR": "avr",
    "CAF": "caf",
    "FLAC": "flac fla",
    "HTK": "htk",
    "SVX": "svx iff 8svx",
    "MPC2K": "mpc2k",
    "MP3": "mp3 mp2 mp1 mpga",
    "OGG": "ogg oga opus",
    "PAF": "paf",
    "PVF": "pvf",
    "RF64": "rf64",
    "SD2": "sd2",
    "SDS": "sds",
    "IRCAM": "sf ircam",
    "VOC": "voc",
    "W64": "w64",
    "WAV": "wav wave bwf",
    "NIST": "nist sph",
    "WAVEX": "wavex",
    "WVE": "wve",
    "XI": "xi",
}
"""Endings by the names of libsndfile's formats. RAW, which says nothing of itself, and MAT, which holds anything, are left
out."""

AUDIO_SUFFIXES = frozenset(f".{kind}" for kinds in SUFFIXES_OF_FORMATS.values() for kind in kinds.split())
"""Endings of the formats that libsndfile knows by their content."""

_FOREIGN_KINDS = "m4a m4b mp4 aac wma webm weba amr 3gp 3ga ape wv mka mov qt dsf dff ac3 eac3 dts tta spx mpc raw pcm"
FOREIGN_AUDIO_SUFFIXES = frozenset(f".{kind}" for kind in _FOREIGN_KINDS.split())
"""Endings of recordings that libsndfile cannot read."""
