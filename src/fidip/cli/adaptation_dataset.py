"""Dataset of ``fidip adapt``, which the same command finds again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fidip.cli.adaptation_plan import Plan
from fidip.cli.console_progress import ConsoleProgress
from fidip.core.errors import DataError, RunError, shown
from fidip.data.adaptation_data import UNLABELLED, write_dataset, write_split_labels
from fidip.data.label_store import label_file
from fidip.inference.frame_dataset import AnalysedVideo
from fidip.inference.unlabelled_frames import write_unlabelled
from fidip.io.atomic import atomic_folder
from fidip.io.directories import require_new
from fidip.io.hashing import hash_files
from fidip.io.json import read_object, write_json
from fidip.nn.weights.checkpoint_files import resolve_ckpt

ABOUT = "adaptation.json"
"""File in the dataset about the command that wrote it."""
OUTPUTS = ("data", "runs", "report.html", "config.yaml", "results.json", "checkpoints")
"""Names of outputs that belong to one command."""
CONTENT_OF_CKPT = "content of ckpt"
"""Key of the hash of the start weights, which another training may replace under the same name."""
PLACE = ("out", "run_dir")
"""Settings that may differ when the same command continues."""
Analyse = Callable[[], Sequence[AnalysedVideo]]
"""Finds the infant in the videos that may be trained on without labels."""


def data_folder(out: Path) -> Path:
    """Return the folder of the dataset."""
    return out / "data"


def command_identity(config: DictConfig, plan: Plan) -> dict[str, Any]:
    """Return what must be the same when the command continues, such as settings and labels.

    Args:
        config: settings of the command.
        plan: the plan.
    """
    # Not resolved, so that another seed is a difference of seed= only.
    settings: Any = OmegaConf.to_container(config, resolve=False)
    return {
        **{key: value for key, value in settings.items() if key not in PLACE},
        CONTENT_OF_CKPT: hash_files([resolve_ckpt(config.ckpt)]),
        "content of labels": hash_files([label_file(Path(config.labels))[0]]),
        "videos of source": dict(sorted(plan.labels.subjects.items())),
    }


def require_own(out: Path, identity: dict[str, Any]) -> None:
    """Check that a folder has only outputs of the same command.

    Args:
        out: folder of the outputs.
        identity: ``command_identity`` of the command.

    Raises:
        FidipError: there are others.
    """
    about = data_folder(out) / ABOUT
    if not about.is_file():
        require_new(out, OUTPUTS)
        return
    saved = read_object(about).get("settings")
    known: dict[str, Any] = saved if isinstance(saved, dict) else {}
    other = sorted(key for key in known.keys() | identity if known.get(key) != identity.get(key))
    if other:
        raise RunError(
            f"out={shown(out)}: was begun with another {', '.join(other)}; expected the same "
            "command to continue it. Restore the settings, or choose another out=DIR"
        )


def prepare(out: Path, identity: dict[str, Any], plan: Plan, count: int, analyse: Analyse) -> int:
    """Write the dataset, unless the same command has written it before.

    Args:
        out: folder of the outputs.
        identity: ``command_identity`` of the command.
        plan: the plan; its report gets the lines about damaged videos.
        count: maximum number of unlabelled frames.
        analyse: called if there is no dataset yet; adds to the report of the plan.

    Returns:
        The number of unlabelled frames.

    Raises:
        DataError: the infant is not found in any video.
        DiskError: a file cannot be written.
    """
    about, report = data_folder(out) / ABOUT, plan.report
    if about.is_file():
        content = read_object(about)
        report.failed += content["failed"]
        report.partial += content["partial"]
    else:
        known = len(report.failed)
        videos = analyse() if plan.unlabelled else []
        content = {"settings": identity, "failed": report.failed[known:], "partial": report.partial}
        with atomic_folder(data_folder(out), f"out={shown(out)}") as new:
            write_dataset(new, plan.labels, plan.subsets, plan.split.test, plan.synthetic)
            content["unlabelled"] = _write_unlabelled(new, videos, plan, count)
            write_json(new / ABOUT, content)
    report.done = report.total - len(report.failed) - len(report.partial)
    return int(content["unlabelled"])


def _write_unlabelled(root: Path, videos: Sequence[AnalysedVideo], plan: Plan, count: int) -> int:
    """Write the split of unlabelled frames, and return their number."""
    if not plan.uses_unlabelled:
        return 0
    with ConsoleProgress("image") as progress:
        records = write_unlabelled(videos, count, root / "images" / UNLABELLED, progress)
    if not records["images"]:
        raise DataError(
            f"source: the infant was not found in any of the {len(plan.unlabelled)} training "
            "videos; expected frames to train on without labels. Lower lost=, or give "
            "method=finetune"
        )
    write_split_labels(root, UNLABELLED, records)
    return len(records["images"])
