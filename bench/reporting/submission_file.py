"""The one file in which a row is handed in: a zip of the record of a page with this row alone, and of its predictions."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from bench.errors import BenchError

SUBMISSION_SUFFIX = ".zip"
RECORD, PREDICTIONS = "row.json", "row.predictions.npz"
LARGEST = 500_000_000
"""Bytes that a file in a submission may unpack to."""
FIRST_DATE = (1980, 1, 1, 0, 0, 0)
"""Of the files in the zip, so that the same row is the same bytes."""


def packed(record: str, predictions: bytes) -> bytes:
    """Returns the content of the file, which is the same for the same row."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ((RECORD, record.encode()), (PREDICTIONS, predictions)):
            archive.writestr(zipfile.ZipInfo(name, FIRST_DATE), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def unpacked(path: Path) -> tuple[bytes, bytes]:
    """Reads the record and the predictions of a submitted row. Raises BenchError if it is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in (RECORD, PREDICTIONS):
                if (size := archive.getinfo(name).file_size) > LARGEST:
                    raise BenchError(f"{path}: {name} unpacks to {size:,} bytes, and {LARGEST:,} are the most")
            return archive.read(RECORD), archive.read(PREDICTIONS)
    except OSError as error:
        raise BenchError(f"no submitted row at {path} ({error.strerror}): bench submit writes one") from None
    except (KeyError, zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise BenchError(
            f"{path} is no submitted row ({' '.join(str(error).split())}): write it again by bench submit"
        ) from None
