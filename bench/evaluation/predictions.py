"""Per-clip predictions of a network over a split: the source of every figure in a report."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BenchError
from bench.files import write_atomically

if TYPE_CHECKING:  # a command that is refused does without NumPy
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Predictions:
    """Per-clip predictions over one split, stored as plain arrays that are read without unpickling anything."""

    labels: tuple[str, ...]
    """Class names; column c of `probabilities` belongs to labels[c]."""
    ids: tuple[str, ...]
    """Name of every clip, [clips]."""
    groups: tuple[str, ...]
    """Speaker or recording of every clip, empty if unknown, [clips]."""
    targets: NDArray[np.int64]
    """True class of every clip, [clips]."""
    probabilities: NDArray[np.float32]
    """Probability of every class, [clips, classes], rows summing to 1."""

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of every clip, [clips]."""
        import numpy as np

        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    def save(self, path: Path) -> None:
        """Writes a compressed .npz file atomically."""
        import numpy as np

        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            labels=np.array(self.labels, dtype=np.str_),
            ids=np.array(self.ids, dtype=np.str_),
            groups=np.array(self.groups, dtype=np.str_),
            targets=self.targets.astype(np.int64),
            probabilities=self.probabilities.astype(np.float32),
        )
        write_atomically(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Predictions:
        """Reads a file of `save`. Raises BenchError if it is missing, damaged, or holds what cannot be predictions."""
        import numpy as np

        try:
            with np.load(path, allow_pickle=False) as arrays:
                loaded = cls(
                    labels=tuple(arrays["labels"].tolist()),
                    ids=tuple(arrays["ids"].tolist()),
                    groups=tuple(arrays["groups"].tolist()),
                    targets=arrays["targets"],
                    probabilities=arrays["probabilities"],
                )
            loaded.check()
            return loaded
        except Exception as error:  # zipfile, zlib, numpy and the file system each raise exceptions of their own
            raise BenchError(
                f"predictions {path} cannot be read ({error}): "
                "restore the file, or move its folder away, and bench run --resume makes up for it"
            ) from None

    def check(self) -> None:
        """Raises ValueError if the arrays are not those of predictions, or do not go together."""
        import numpy as np

        clips, classes = len(self.ids), len(self.labels)
        if not clips:
            raise ValueError("there are no clips")
        if self.probabilities.shape != (clips, classes) or self.probabilities.dtype != np.float32:
            raise ValueError("probabilities are not float32 [clips, classes]")
        if not np.isfinite(self.probabilities).all():
            raise ValueError("probabilities are not all numbers")
        if len(self.groups) != clips or self.targets.shape != (clips,) or self.targets.dtype != np.int64:
            raise ValueError("clips have groups or true classes that are not theirs")
        if not 0 <= self.targets.min() <= self.targets.max() < classes:
            raise ValueError("true classes are none of the labels")
