"""Features that outlive their trial: taken from the cache folder where they are, put there where that is worth it.

A search asks for most of its front ends once, and finals ask for theirs again and again. So the first to ask leaves a mark,
the second keeps what it has computed, and those after it read. What is computed about as fast as it is read is never kept.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

import bench
from bench.data.feature_cache import FeatureCache, feature_limit
from bench.plugins.code import code_digest
from bench.training.device import device_name
from bench.training.device_clips import Origin
from bench.training.frontend import FrontEnd

LEAST_SECONDS = 0.02
"""Of computing: less is nothing to a trial."""
READ_RATE = 1e9
"""Bytes a second, between what a disk and what memory gives: features that are computed faster are computed again."""


def kept(front_end: FrontEnd, origin: Origin | None, compute: Callable[[], Tensor]) -> Tensor:
    """What `compute` gives on its device, or the same numbers of an earlier trial. `origin` says of which clips they are."""
    limit = feature_limit()
    key = None if origin is None or limit == 0 else key_of(front_end, origin)
    if origin is None or key is None:
        return compute()
    store = FeatureCache(origin.file.parent.parent, limit=limit)
    found = store.read(key)
    if found is not None:
        return torch.from_numpy(found).to(front_end.device)
    start = time.perf_counter()
    features = compute()
    if front_end.device.type == "cuda":
        torch.cuda.synchronize(front_end.device)
    seconds = time.perf_counter() - start
    if seconds >= max(LEAST_SECONDS, features.nbytes / READ_RATE) and store.asked_before(key):
        clips = f"{origin.file.parent.name} {origin.file.stem}{origin.cut and ', '}{origin.cut}"
        store.write(key, features.cpu().numpy(), clips=clips, feature=front_end.feature.config())
    return features


def key_of(front_end: FrontEnd, origin: Origin) -> str | None:
    """32 hex digits over everything that the numbers depend on; None where that is not known."""
    feature, package = front_end.feature, front_end.package
    code = package and code_digest(type(feature), package.distribution, also=(Path(__file__).parent,))
    if code is None:
        return None
    content = [
        *(origin.content, origin.cut, feature.config().model_dump(mode="json"), code, bench.__version__),
        *(torch.__version__, device_name(front_end.device), torch.get_num_threads(), front_end.chunk),
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]
