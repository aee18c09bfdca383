"""Reading of HDF5 files of unknown origin, without pickle and without other files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fidip.core.errors import ConfigError, DataError, reason
from fidip.io.json import read_bytes

if TYPE_CHECKING:
    import h5py

MOST_BYTES = 1 << 30
"""Limit of the size of one array, which may be compressed in the file."""
SIGNATURE = b"\x89HDF\r\n\x1a\n"
AGAIN = "copy or export it again"


class Hdf5:
    """Open HDF5 file.

    Args:
        path: the file, for messages.
        file: the open file.
    """

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file

    def has(self, name: str) -> bool:
        """Return whether the file has a group or an array of this name.

        Args:
            name: path in the file.
        """
        return name in self._file

    def array(self, name: str) -> NDArray[Any]:
        """Return an array of the file.

        Args:
            name: path in the file.

        Raises:
            DataError: it is missing, a group, too large, or stored in another file.
        """
        return self._dataset(name)[()]

    def row(self, name: str, index: int) -> NDArray[Any]:
        """Return one row of an array.

        Args:
            name: path in the file.
            index: number of the row.

        Raises:
            DataError: as for ``array``, or the row is missing.
        """
        dataset = self._dataset(name)
        if dataset.ndim == 0 or not 0 <= index < len(dataset):
            raise DataError(f"{self.path}: {name} has no row {index}; {AGAIN}")
        return dataset[index]

    def numbers(self, name: str, dimensions: int) -> NDArray[Any]:
        """Return an array of numbers.

        Args:
            name: path in the file.
            dimensions: expected number of dimensions.

        Raises:
            DataError: as for ``array``, or it has other types or dimensions.
        """
        values = self.array(name)
        if values.ndim != dimensions or values.dtype.kind not in "iufb":
            raise DataError(
                f"{self.path}: {name} is an array of {values.dtype} with {values.ndim} "
                f"dimensions; expected numbers with {dimensions}; {AGAIN}"
            )
        return values

    def fields(self, name: str, *names: str) -> NDArray[Any]:
        """Return a table, an array of records.

        Args:
            name: path in the file.
            names: fields of numbers that it must have.

        Raises:
            DataError: as for ``array``, or a field is missing.
        """
        table = self.array(name)
        missing = [
            field
            for field in names
            if table.ndim != 1 or table.dtype.names is None or field not in table.dtype.names
            or table.dtype[field].kind not in "iufb" or table.dtype[field].shape
        ]  # fmt: skip
        if missing:
            raise DataError(f"{self.path}: {name} has no numbers {', '.join(missing)}; {AGAIN}")
        return table

    def texts(self, name: str) -> list[str]:
        """Return a list of texts or numbers as texts.

        Args:
            name: path in the file.

        Raises:
            DataError: as for ``array``, or it is something else.
        """
        values = self.array(name)
        if values.ndim != 1 or values.dtype.kind not in "iufSO":
            raise DataError(f"{self.path}: {name} is not a list of texts; {AGAIN}")
        return [self._text(name, value) for value in values.tolist()]

    def attribute(self, name: str, key: str) -> Any:
        """Return an attribute, bytes as text; None if it is missing.

        Args:
            name: path of a group or array in the file.
            key: name of the attribute.

        Raises:
            DataError: it cannot be read.
        """
        value = self._file[name].attrs.get(key) if name in self._file else None
        if isinstance(value, np.ndarray):
            value = value.tobytes() if value.dtype.kind in "iu" else value.tolist()
        return self._text(f"{name} {key}", value) if isinstance(value, bytes) else value

    def _text(self, name: str, value: object) -> str:
        if not isinstance(value, bytes):
            return str(value)
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise DataError(f"{self.path}: {name} is not text in UTF-8; {AGAIN}") from error

    def _dataset(self, name: str) -> h5py.Dataset:
        import h5py

        found = self._file.get(name)
        if not isinstance(found, h5py.Dataset):
            raise DataError(f"{self.path}: has no array {name}; {AGAIN}")
        if found.file != self._file or found.is_virtual or found.external:
            raise DataError(f"{self.path}: {name} is stored in another file; expected one file")
        if found.nbytes > MOST_BYTES:
            raise DataError(
                f"{self.path}: {name} has {found.nbytes >> 20} MiB; expected at most "
                f"{MOST_BYTES >> 20} MiB"
            )
        return found


@contextmanager
def open_hdf5(path: Path) -> Iterator[Hdf5]:
    """Open a file for reading.

    Args:
        path: the file.

    Yields:
        The open file.

    Raises:
        ConfigError: h5py is not installed.
        DataError: the file is not HDF5 or damaged, also if that is found later.
    """
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"source={path}: reading HDF5 needs h5py; pip install 'fidip[files]'"
        ) from error
    if read_bytes(path)[: len(SIGNATURE)] != SIGNATURE:
        raise DataError(f"{path}: not an HDF5 file; {AGAIN}")
    try:
        with h5py.File(path, "r") as file:
            yield Hdf5(path, file)
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, OverflowError) as error:
        why = reason(error, 100)
        raise DataError(f"{path}: is damaged ({why}); {AGAIN}") from error
