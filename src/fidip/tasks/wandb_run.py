"""Runs in Weights & Biases: name, settings, curves and tables; images only on request."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, WandbLogger

from fidip.metrics import Results
from fidip.tasks.lightning import drop_anonymous

log = logging.getLogger(__name__)

LONGEST_WANDB_NAME, LONGEST_TAG = 128, 64
"""Of W&B, in characters."""
UNSENT = ("callbacks", "logger", "overwrite", "resume", "run_dir", "sweep")
"""Settings that do not change a result."""
COPIES = ("net", "codec", "method", "optimizer", "scheduler")
"""Settings of the task that are groups of their own as well."""
CURVES = {"val/AP": "max", "val/OKS": "max", "val/loss": "min", "train/loss": "min"}
"""Which value of a curve the tables of W&B show: the best, not the last."""


class WandbRun(WandbLogger):
    """W&B run; offline if no API key is set, to be sent later by ``wandb sync``.

    Args:
        save_dir: the run directory; W&B writes to ``wandb/`` in it.
        name: name of the run.
        id: id of the run; W&B continues the run with this id.
        job_type: ``train`` or ``evaluate``.
        group: name shared by runs that differ only in the seed and in swept settings.
        tags: words to filter runs by.
        project: the W&B project.
        entity: the W&B user or team; None for the user's default.
        images: whether to send overlays, which show the infants.
    """

    def __init__(
        self,
        save_dir: str,
        *,
        name: str,
        id: str | None,
        job_type: str,
        group: str,
        tags: Sequence[str],
        project: str = "fidip",
        entity: str | None = None,
        images: bool = False,
    ) -> None:
        import wandb

        if wandb.run is not None:  # of an earlier job of this process, which ended with an error
            wandb.finish(exit_code=1)
        self.images = images
        offline = not has_key()
        super().__init__(
            project=project,
            entity=entity,
            save_dir=str(Path(save_dir).resolve()),  # W&B's process may have another working folder
            name=name.strip("-")[:LONGEST_WANDB_NAME],
            id=id,
            job_type=job_type,
            group=group,
            tags=sorted({tag[:LONGEST_TAG] for tag in tags if tag}),
            offline=offline,
            settings=wandb.Settings(
                console="off", save_code=False, disable_git=True, silent=offline
            ),
        )
        drop_anonymous(self)


def has_key() -> bool:
    """Return whether an API key of W&B is set on this computer."""
    netrc = Path.home() / ".netrc"
    return "WANDB_API_KEY" in os.environ or (
        netrc.is_file() and "api.wandb.ai" in netrc.read_text(encoding="utf-8")
    )


def wandb_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that can change a result, without targets and paths."""
    kept = {key: _quiet(value) for key, value in config.items() if key not in UNSENT}
    kept["task"] = {k: v for k, v in kept["task"].items() if k not in COPIES}
    kept["data"]["root"] = Path(str(kept["data"]["root"])).name
    return kept


def _quiet(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _quiet(v) for k, v in value.items() if not str(k).startswith("_")}
    if isinstance(value, list):
        return [_named(one) for one in value]
    return value


def _named(value: Any) -> Any:
    """Return an element of a list with the name of its class, which identifies it."""
    if isinstance(value, Mapping) and "_target_" in value:
        return {"class": str(value["_target_"]).rpartition(".")[2], **_quiet(value)}
    return _quiet(value)


def announce(loggers: Sequence[Logger], config: Mapping[str, Any]) -> None:
    """Send the settings of a run, and which value summarises a curve, to W&B if it is a logger.

    Args:
        loggers: loggers of the run.
        config: settings of the run.
    """
    for logger in loggers:
        if isinstance(logger, WandbRun):
            logger.experiment.config.update(wandb_settings(config), allow_val_change=True)
            for name, best in CURVES.items():
                logger.experiment.define_metric(name, step_metric="epoch", summary=best)


def publish(
    loggers: Sequence[Logger],
    results: Results,
    card: Path | None = None,
    picture: Path | None = None,
) -> None:
    """Send the results of a run to W&B if it is a logger, and finish the run there.

    Args:
        loggers: of the run.
        results: results of a test.
        card: the model card, if there is one.
        picture: the overlays; sent only if the logger sends images.
    """
    for logger in loggers:
        if isinstance(logger, WandbRun):
            _publish(logger, results, card, picture)


def _publish(logger: WandbRun, results: Results, card: Path | None, picture: Path | None) -> None:
    import wandb

    run = logger.experiment
    run.summary.update({f"test/{name}": value for name, value in results.metrics.items()})
    columns, rows = joint_table(results.per_joint or {})
    run.log({"test/joints": wandb.Table(columns=columns, data=rows)})
    if logger.images and picture is not None:
        logger.log_image("test/overlays", [str(picture)])
    if card is not None:
        artifact = wandb.Artifact(f"card-{run.id}", type="model-card")
        artifact.add_file(str(card))
        run.log_artifact(artifact)
    folder = Path(run.dir).parent
    run.finish()
    if folder.name.startswith("offline-"):
        log.info("W&B: kept here; to send it: %s", sync_command(folder))


def sync_command(folder: Path) -> str:
    """Return the command that sends an offline run, including its parts before a resume.

    Args:
        folder: folder of the offline run.
    """
    run_id = folder.name.rpartition("-")[2]
    parts = sorted(folder.parent.glob(f"offline-run-*-{run_id}"))
    shown = " ".join(os.path.relpath(part) for part in parts)
    return f"wandb sync {f'--id {run_id} ' if len(parts) > 1 else ''}{shown}"


def joint_table(per_joint: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Return the columns and rows, one for each joint, of ``per_joint`` in ``results.json``.

    Args:
        per_joint: scores by joint.
    """
    first = next(iter(per_joint.values()), {})
    names = [name for name, value in first.items() if not isinstance(value, Mapping)]
    rows = [[joint, *(values.get(name) for name in names)] for joint, values in per_joint.items()]
    return ["joint", *names], rows
