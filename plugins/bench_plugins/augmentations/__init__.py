"""Augmentations: random changes to the batches of a training."""

from bench_plugins.augmentations.cut_out import CutOut
from bench_plugins.augmentations.mixup import Mixup
from bench_plugins.augmentations.other_clips import OtherClips
from bench_plugins.augmentations.random_filter import RandomFilter
from bench_plugins.augmentations.reverberation import Reverberation
from bench_plugins.augmentations.speed import Speed
from bench_plugins.augmentations.time_masks import TimeMasks

AUGMENTATIONS = (Mixup, Speed, RandomFilter, Reverberation, OtherClips, CutOut, TimeMasks)
