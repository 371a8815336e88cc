"""What is spoken for the data set of spoken digits, and by whom."""

from __future__ import annotations

from collections.abc import Mapping

from bench.plugins import Split

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TAKES = 4
ACCENTS = ("en", "en-us", "en-029", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-us-nyc")

# eSpeak NG's voice variants. Those of one family (Gene and Gene2, the klatts) stand in one split.
VOICES: Mapping[Split, tuple[str, ...]] = {
    "train": (
        *("f1", "f3", "Alicia", "anika", "aunty", "grandma", "shelby", "steph", "steph2", "steph3"),
        *("m1", "m2", "m4", "m6", "m8", "Alex", "Diogo", "Gene", "Gene2", "Hugo", "Jacky", "Marco", "Mario"),
        *("Michael", "Mike", "mike2", "Nguyen", "Reed", "RicishayMax", "RicishayMax2", "benjamin", "david"),
        *("grandpa", "robert", "croak", "klatt", "klatt2", "klatt4", "whisper", "whisperf"),
    ),
    "validation": ("f4", "Annie", "belinda", "m5", "adam", "Lee", "gustave", "quincy"),
    "test": ("f2", "f5", "Andrea", "linda", "m3", "m7", "Andy", "Denis", "Henrique", "boris", "caleb", "victor"),
}


def file_names(takes: int = TAKES) -> list[str]:
    """The files of one voice."""
    return [f"{word}_{take}.wav" for word in WORDS for take in range(takes)]
