"""The zoo: weights that have a name, where their files come from, and under which terms.

A file is downloaded once, or copied by hand where there is no network or where its owners do not
hand it out by machine; from then on it is read from the cache. ``zoo:NAME`` stands for it wherever
weights are asked for. ``bundled:NAME`` stands for a file that ships with the package.
"""

from __future__ import annotations

import difflib
import os
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from fidip.core.errors import CheckpointError, ConfigError, DiskError
from fidip.core.types import ImageSize
from fidip.io.atomic import disk_errors, require_folder, write_text_atomic
from fidip.io.hashing import fingerprint
from fidip.io.paths import cache_dir, config_dir
from fidip.io.yaml import load_settings

ZOO, BUNDLED, HUB = "zoo:", "bundled:", "huggingface:"
ONNX = ".onnx"
ALIASES = {"fast": "bundled", "accurate": "vitpose-b"}
"""Second names of the two entries that predict by default."""
CONNECT = 5
"""Seconds after which the hub counts as out of reach."""


@dataclass(frozen=True)
class Entry:
    """One set of weights, as ``conf/zoo`` has it.

    Attributes:
        name: what follows ``zoo:``.
        title: what they are.
        source: ``bundled:NAME``, ``huggingface:OWNER/REPOSITORY``, or the page where a person gets them.
        revision: the commit of the repository.
        file: its name there and here.
        sha256: of the file; None where it is not known before the first use.
        size_mb: of the file, about.
        licence: their terms.
        input_wh: (width, height) of the crops in px.
        net: the name of their net in ``conf/net``; None of an ONNX file, which holds its own.
        codec: the name of their codec in ``conf/codec``; None of an ONNX file.
        note: a half sentence with what they were trained on and what they score, printed where they
            predict by default.
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
        """Where the file is, or belongs."""
        if self.source.startswith(BUNDLED):
            return bundled(self.source.removeprefix(BUNDLED))
        return cache_dir() / "zoo" / self.name / self.file

    @property
    def is_onnx(self) -> bool:
        """Whether the file is a network for ONNX Runtime, which predicts and cannot be trained."""
        return self.file.endswith(ONNX)

    @property
    def choices(self) -> list[str]:
        """The net and the codec as choices on the command line.

        Raises:
            ConfigError: it is an ONNX file.
        """
        if self.is_onnx:
            raise ConfigError(
                f"zoo:{self.name}: is an ONNX file, which can only predict; expected weights of a net "
                "of fidip. Use it with fidip predict, or choose another ckpt="
            )
        return [f"net={self.net}", f"codec={self.codec}"]

    @property
    def state(self) -> str:
        """Whether the file is here, in words."""
        if self.source.startswith(BUNDLED):
            return "in the package"
        if self.path.is_file():
            return "here"
        return "downloaded at first use" if self.source.startswith(HUB) else "to be copied by hand"


def entries() -> dict[str, Entry]:
    """All of ``conf/zoo``, by name."""
    found = sorted((config_dir() / "zoo").glob("*.yaml"))
    return {path.stem: read_entry(path) for path in found}


def read_entry(path: Path) -> Entry:
    """What a YAML file says of weights."""
    content = load_settings(path)
    return Entry(name=path.stem, **{**content, "input_wh": tuple(content["input_wh"])})


def entry_of(ckpt: str, setting: str | None = None) -> Entry:
    """Return the entry that ``zoo:NAME`` stands for; see also ``ALIASES``.

    Args:
        ckpt: the name, with or without ``zoo:``.
        setting: what gave the name, for the message; ``zoo:NAME`` unless it is given.

    Raises:
        ConfigError: there is none of that name.
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


def fetch(entry: Entry) -> Path:
    """The file of an entry, downloaded and checked where that has not been done before.

    Raises:
        CheckpointError: it is not here and cannot be had, or is another file than it should be.
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


def _require_cache(entry: Entry) -> None:
    """Raises DiskError where the cache cannot be written to, before anything is downloaded."""
    require_folder(entry.path.parent, f"zoo:{entry.name}: cache {cache_dir()} (FIDIP_CACHE)")


def _remember(entry: Entry, found: str) -> None:
    """Record the hash of a file; a cache that others filled may be read-only, and does without."""
    with suppress(DiskError):
        write_text_atomic(_record(entry.path), f"{found}  {entry.file}\n")


def bundled(name: str) -> Path:
    """The file of weights that ship with the package.

    Raises:
        CheckpointError: there are none of that name.
    """
    folder = Path(str(files("fidip") / "nn" / "weights" / "bundled"))
    path = folder / f"{name.replace('-', '_')}.safetensors"
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in folder.glob("*.safetensors"))) or "none"
        raise CheckpointError(f"ckpt={BUNDLED}{name}: the package ships no such weights ({names})")
    return path


def _download(entry: Entry, folder: Path) -> Path:
    """Get the file into a folder; what was broken off before is gone on with."""
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
        get_hf_file_metadata(url, timeout=CONNECT)  # fails at once where there is no network
        _say(f"zoo:{entry.name}: {entry.size_mb} MB from {repository}, licence {entry.licence}")
        return Path(
            hf_hub_download(repository, entry.file, revision=at, endpoint=hub, local_dir=folder)
        )
    except Exception as error:  # of the network, the hub or the disk: one of dozens of classes
        raise CheckpointError(
            f"zoo:{entry.name}: cannot be downloaded ({_reason(error)}); on a computer with network "
            f"run 'hf download {repository} {entry.file} --revision {entry.revision} --local-dir .' "
            f"and copy {entry.file} to {entry.path}"
        ) from error


def _check(entry: Entry, path: Path) -> str:
    """The SHA-256 of a file, which is the entry's, or the one recorded at its first use, if any.

    Raises:
        CheckpointError: it is another.
    """
    record, found = _record(entry.path), fingerprint([path])
    recorded = record.read_text(encoding="utf-8").split()[:1] if record.is_file() else []
    expected = entry.sha256 or next(iter(recorded), None)
    if expected is None:
        _say(f"zoo:{entry.name}: SHA-256 {found} is recorded; there is none to compare it with")
    elif found != expected:
        raise CheckpointError(
            f"{path}: has SHA-256 {found} instead of {expected}, so it is not what zoo:{entry.name} "
            "stands for, or is damaged; delete it and get it again"
        )
    return found


def _record(path: Path) -> Path:
    """Where the hash of a file is kept, as ``sha256sum`` writes it."""
    return path.with_name(f"{path.name}.sha256")


def _is_checked(path: Path) -> bool:
    """Whether a file has not changed since its hash was recorded: gigabytes take seconds to hash."""
    record = _record(path)
    both = path.is_file() and record.is_file()
    return both and path.stat().st_ctime_ns <= record.stat().st_mtime_ns


def _reason(error: Exception) -> str:
    """What went wrong, without the advice that follows it in the hub's messages."""
    return next(iter(str(error).strip().splitlines()), "").rstrip(".: ") or type(error).__name__


def _say(line: str) -> None:
    print(line, file=sys.stderr)
