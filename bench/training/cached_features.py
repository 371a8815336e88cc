"""Reads features from the feature cache instead of computing them, and writes them to it if that is worth it.

A search asks for most of its front ends once, and finals ask for theirs again and again. So the first trial that asks leaves
a mark, the second writes the features that it has computed, and later ones read them. Features that are computed about as
fast as they are read are never written.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from bench.data.feature_cache import FeatureCache, feature_limit
from bench.plugins.code import code_digest
from bench.training.device import device_name
from bench.training.device_clips import ClipSource
from bench.training.frontend import FrontEnd
from bench.version import VERSION

LEAST_SECONDS = 0.02
"""Seconds below which recomputing features costs a trial nothing noticeable."""
READ_RATE = 1e9
"""Bytes a second, between the rates of a disk and of memory: features that are computed faster are computed again."""


def load_or_compute(front_end: FrontEnd, source: ClipSource | None, compute: Callable[[], Tensor]) -> Tensor:
    """Loads the features of a split from the feature cache, or computes them.

    Args:
        front_end: The front end that computes them.
        source: The clips that they are of; None if they are not all of a split on disk, which are not cached.
        compute: Computes the features [clips, ...] on the front end's device.

    Returns:
        The features on the front end's device, the same numbers either way.
    """
    limit = feature_limit()
    key = None if source is None or limit == 0 else feature_key(front_end, source)
    if source is None or key is None:
        return compute()
    cache = FeatureCache(source.file.parent.parent, limit=limit)
    cached = cache.read(key)
    if cached is not None:
        return torch.from_numpy(cached).to(front_end.device)
    start = time.perf_counter()
    features = compute()
    if front_end.device.type == "cuda":
        torch.cuda.synchronize(front_end.device)
    seconds = time.perf_counter() - start
    if seconds < max(LEAST_SECONDS, features.nbytes / READ_RATE):
        return features
    # Features of a network that others have trained have few options, so that the next trial asks for the same.
    if front_end.feature.pretrained_on or cache.asked_before(key):
        clips = f"{source.file.parent.name} {source.file.stem}{source.cut and ', '}{source.cut}"
        cache.write(key, features.cpu().numpy(), clips=clips, feature=front_end.feature.config())
    return features


def feature_key(front_end: FrontEnd, source: ClipSource) -> str | None:
    """32 hex digits over everything that the features depend on; None if that is not known."""
    feature, package = front_end.feature, front_end.package
    code = package and code_digest(type(feature), package.distribution, also=(Path(__file__).parent,))
    if code is None:
        return None
    dependencies = [
        *(source.digest, source.cut, feature.config().model_dump(mode="json"), code, VERSION),
        *(torch.__version__, device_name(front_end.device), torch.get_num_threads(), front_end.chunk),
    ]
    return hashlib.sha256(json.dumps(dependencies, sort_keys=True).encode()).hexdigest()[:32]
