"""Model zoo: pretrained models with their sources, licences and hashes.

A file is downloaded once, or copied by hand if there is no network or its owners do not allow
automatic downloads; afterwards it is read from the cache. ``zoo:NAME`` stands for the file wherever
weights are expected, and ``bundled:NAME`` for a file of this package.
"""

from __future__ import annotations

import difflib
import logging
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from fidip.core.arrays import ImageSize
from fidip.core.errors import CheckpointError, ConfigError, DiskError
from fidip.io.atomic import disk_errors, require_folder, write_text_atomic
from fidip.io.hashing import hash_files
from fidip.io.paths import cache_dir, config_dir
from fidip.io.yaml import load_settings

log = logging.getLogger(__name__)
ZOO, BUNDLED, HUB = "zoo:", "bundled:", "huggingface:"
ONNX = ".onnx"
DEFAULT = "bundled"
"""Short for ``zoo:bundled``."""
ALIASES = {"fast": "bundled", "accurate": "vitpose-b"}
"""Aliases of the two default models for prediction."""
CONNECT = 5
"""Timeout in s of the connection to the hub."""


@dataclass(frozen=True)
class ZooEntry:
    """Pretrained model, as described in ``conf/zoo``.

    Attributes:
        name: name after ``zoo:``.
        title: description of the model.
        source: ``bundled:NAME``, ``huggingface:OWNER/REPOSITORY``, or a page for manual download.
        revision: commit of the repository.
        file: name of the file in the repository and in the cache.
        sha256: hash of the file; None if it is unknown before the first use.
        size_mb: approximate size of the file in MB.
        licence: licence of the weights.
        input_wh: (width, height) of the crops in px.
        net: name of the net in ``conf/net``; None for an ONNX file, which contains its network.
        codec: name of the codec in ``conf/codec``; None for an ONNX file.
        note: training data and score in half a sentence, printed when the model is used by default.
    """

    name: str
    title: str
    source: str
    revision: str | None
    file: str
    sha256: str | None
    size_mb: int | None
    licence: str
    input_wh: ImageSize
    net: str | None
    codec: str | None
    note: str | None = None

    @property
    def path(self) -> Path:
        """Path of the file, which need not exist yet."""
        if self.source.startswith(BUNDLED):
            return bundled(self.source.removeprefix(BUNDLED))
        return cache_dir() / "zoo" / self.name / self.file

    @property
    def is_onnx(self) -> bool:
        """Whether the file is an ONNX network, which can predict but not be trained."""
        return self.file.endswith(ONNX)

    @property
    def choices(self) -> list[str]:
        """Net and codec as choices on the command line.

        Raises:
            ConfigError: it is an ONNX file.
        """
        if self.is_onnx:
            raise ConfigError(
                f"zoo:{self.name}: is an ONNX file, which can only predict; expected weights of a "
                "net of fidip. Use it with fidip predict, or choose another ckpt="
            )
        return [f"net={self.net}", f"codec={self.codec}"]

    @property
    def state(self) -> str:
        """Availability of the file, in words."""
        if self.source.startswith(BUNDLED):
            return "in the package"
        if self.path.is_file():
            return "here"
        return "downloaded at first use" if self.source.startswith(HUB) else "to be copied by hand"


def entries() -> dict[str, ZooEntry]:
    """Return all entries of ``conf/zoo`` by name."""
    found = sorted((config_dir() / "zoo").glob("*.yaml"))
    return {path.stem: read_entry(path) for path in found}


def read_entry(path: Path) -> ZooEntry:
    """Read an entry from its YAML file.

    Args:
        path: the YAML file.
    """
    content = load_settings(path)
    return ZooEntry(name=path.stem, **{**content, "input_wh": tuple(content["input_wh"])})


def is_named(ckpt: str) -> bool:
    """Return whether weights are given by a name in the zoo or in this package, not by a file.

    Args:
        ckpt: ``zoo:NAME``, ``bundled:NAME``, ``bundled``, or a path.

    Example:
        >>> is_named("bundled"), is_named("run/checkpoints/best.ckpt")
        (True, False)
    """
    return ckpt == DEFAULT or ckpt.startswith((ZOO, BUNDLED))


def entry_of(ckpt: str, setting: str | None = None) -> ZooEntry:
    """Return the entry of a name or alias.

    Args:
        ckpt: the name, with or without ``zoo:``.
        setting: setting with its value that gave the name, for the message; ``zoo:NAME`` by
            default.

    Raises:
        ConfigError: there is no such entry.
    """
    name, known = ckpt.removeprefix(ZOO), entries()
    if name not in known and name not in ALIASES:
        names = [*known, *ALIASES]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f", did you mean '{near[0]}'?" if near else ""
        raise ConfigError(
            f"{setting or ZOO + name}: no such weights{hint}; there are {', '.join(names)}"
        )
    return known[ALIASES.get(name, name)]


def fetch(entry: ZooEntry) -> Path:
    """Return the file of an entry; download and check it if that has not been done before.

    Args:
        entry: the entry.

    Raises:
        CheckpointError: the file is missing and cannot be downloaded, or has another hash.
    """
    path = entry.path
    if entry.source.startswith(BUNDLED) or _is_checked(path):
        return path
    if path.is_file():
        _remember(entry, _check(entry, path))
        return path
    folder = path.parent / ".download"
    _require_cache(entry)
    got = _download(entry, folder)
    try:
        found = _check(entry, got)
        with disk_errors(path):
            got.replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # also of a wrong file, which is downloaded again
    _remember(entry, found)
    return path


def _require_cache(entry: ZooEntry) -> None:
    """Raise a DiskError before the download if the cache is not writable."""
    require_folder(entry.path.parent, f"zoo:{entry.name}: cache {cache_dir()} (FIDIP_CACHE)")


def _remember(entry: ZooEntry, found: str) -> None:
    """Record the hash of a file, unless the cache is read-only."""
    with suppress(DiskError):
        write_text_atomic(_record(entry.path), f"{found}  {entry.file}\n")


def bundled(name: str) -> Path:
    """Return the path of weights in this package.

    Args:
        name: name after ``bundled:``.

    Raises:
        CheckpointError: there are no such weights.
    """
    folder = Path(str(files("fidip") / "nn" / "weights" / "bundled"))
    path = folder / f"{name.replace('-', '_')}.safetensors"
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in folder.glob("*.safetensors"))) or "none"
        raise CheckpointError(f"{BUNDLED}{name}: the package ships no such weights ({names})")
    return path


def _download(entry: ZooEntry, folder: Path) -> Path:
    """Download the file to a folder; an interrupted download is continued."""
    if not entry.source.startswith(HUB):
        raise CheckpointError(
            f"zoo:{entry.name}: cannot be downloaded by a program; get {entry.file} from "
            f"{entry.source} (terms: {entry.licence}) and copy it to {entry.path}"
        )
    repository = entry.source.removeprefix(HUB)
    try:
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

        at, hub = entry.revision, os.environ.get("HF_ENDPOINT")
        url = hf_hub_url(repository, entry.file, revision=at, endpoint=hub)
        get_hf_file_metadata(url, timeout=CONNECT)  # fails at once without network
        log.info(
            "zoo:%s: %s MB from %s, licence %s",
            entry.name,
            entry.size_mb,
            repository,
            entry.licence,
        )
        return Path(
            hf_hub_download(repository, entry.file, revision=at, endpoint=hub, local_dir=folder)
        )
    except Exception as error:  # network, hub and disk errors have dozens of classes
        raise CheckpointError(
            f"zoo:{entry.name}: cannot be downloaded ({_reason(error)}); on a computer with "
            f"network run 'hf download {repository} {entry.file} --revision {entry.revision} "
            f"--local-dir .' and copy {entry.file} to {entry.path}"
        ) from error


def _check(entry: ZooEntry, path: Path) -> str:
    """Return the SHA-256 of a file after comparing it with the entry's, or else the recorded one.

    Raises:
        CheckpointError: the hashes differ.
    """
    record, found = _record(entry.path), hash_files([path])
    recorded = record.read_text(encoding="utf-8").split()[:1] if record.is_file() else []
    expected = entry.sha256 or next(iter(recorded), None)
    if expected is None:
        log.info(
            "zoo:%s: SHA-256 %s is recorded; there is none to compare it with", entry.name, found
        )
    elif found != expected:
        raise CheckpointError(
            f"{path}: has SHA-256 {found} instead of {expected}, so it is not what "
            f"zoo:{entry.name} stands for, or is damaged; delete it and get it again"
        )
    return found


def _record(path: Path) -> Path:
    """Return the path of the file that stores the hash, in the format of ``sha256sum``."""
    return path.with_name(f"{path.name}.sha256")


def _is_checked(path: Path) -> bool:
    """Return whether a file is unchanged since its hash was recorded; hashing it takes seconds."""
    record = _record(path)
    both = path.is_file() and record.is_file()
    return both and path.stat().st_ctime_ns <= record.stat().st_mtime_ns


def _reason(error: Exception) -> str:
    """Return the reason of an error without the advice in the hub's messages."""
    return next(iter(str(error).strip().splitlines()), "").rstrip(".: ") or type(error).__name__
