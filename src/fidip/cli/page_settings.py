"""Settings of ``fidip app``: facts for its page, and pipelines for the options of the page."""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fidip.cli.loading import zoo_entry
from fidip.cli.predict_settings import flips, pipeline_settings
from fidip.cli.targets import instantiate
from fidip.core.arrays import Image
from fidip.core.poses import Poses
from fidip.core.skeleton import COCO17
from fidip.inference import ImagePipeline, Predictor, VideoPipeline, find_person
from fidip.inference.writers import OUTPUT_FORMATS
from fidip.io.drawing import SIDE_COLORS, side_of

ALWAYS = ("overlay", "csv", "coco", "timeline")
EXTRA_FORMATS = ("dlc", "nwb", "netcdf", "parquet")
"""Additional formats that the page offers."""
SWITCHES: dict[str, tuple[Any, Any]] = {
    "blur_face": (False, True),
    "on_black": (False, True),
    "person": ("infant", "surest"),
    "rotation_test": ([], [-10, 10]),
}
"""Values of the page's checkboxes, unchecked and checked, by key of ``fidip predict``."""


def page_facts(ckpt: str, config: DictConfig) -> dict[str, Any]:
    """Return what the page shows at the start.

    Args:
        ckpt: the weights.
        config: settings of ``fidip app``.
    """
    known, keep = zoo_entry(ckpt), config.keep
    return {
        "weights": known.title if known else Path(ckpt).name,
        "note": known and known.note,
        "threshold": config.overlay.threshold,
        "limbs": [[a, b, SIDE_COLORS[side_of(COCO17, a, b)]] for a, b in COCO17.limbs],
        "kept_in": str(Path(keep).resolve()) if keep else None,
        "cannot": [name for name in EXTRA_FORMATS if not installed(name)],
        **{key: config[key] for key in ("max_upload_mb", "max_queued", "max_queued_per_page")},
        "ticked": [key for key, (off, _) in SWITCHES.items() if config[key] != off],
    }


def page_options() -> list[str]:
    """Return the names of the options that the page can send."""
    return [*SWITCHES, *filter(installed, EXTRA_FORMATS)]


def installed(name: str) -> bool:
    """Return whether the packages that a format needs are installed.

    Args:
        name: a key of ``OUTPUT_FORMATS``.
    """
    return all(find_spec(module) for module in OUTPUT_FORMATS[name].needs)


def page_pipelines(
    predictor: Predictor, config: DictConfig
) -> Callable[[Collection[str]], tuple[ImagePipeline, VideoPipeline]]:
    """Return a function that makes the pipelines for the options that are checked on the page.

    Args:
        predictor: the network.
        config: settings of ``fidip app``.
    """

    def make(options: Collection[str]) -> tuple[ImagePipeline, VideoPipeline]:
        changes = {
            "save": [*ALWAYS, *(name for name in EXTRA_FORMATS if name in options)],
            **switched(options, config),
        }
        changed = OmegaConf.merge(config, changes)
        assert isinstance(changed, DictConfig)
        asked = predictor.with_averages(flips(changed), changed.rotation_test)
        settings, smoother = pipeline_settings(changed), instantiate(changed.smoothing)
        videos = VideoPipeline(asked, smoother=smoother, lost=changed.lost, **settings)
        return ImagePipeline(asked, **settings), videos

    return make


def person_finder(predictor: Predictor, config: DictConfig) -> Callable[[Image], Poses]:
    """Return a function that finds the preferred person in an (H, W, 3) uint8 RGB image.

    Args:
        predictor: the network.
        config: settings of ``fidip app``.
    """
    settings = pipeline_settings(config)

    def find(image: Image) -> Poses:
        return find_person(
            predictor, image, settings["rotations"], settings["detector"], settings["prefer"]
        )

    return find


def switched(options: Collection[str], config: DictConfig) -> dict[str, Any]:
    """Return the value of each switch; if checked, the command's value takes precedence.

    Args:
        options: names of the checked options.
        config: settings of ``fidip app``.
    """
    return {
        key: (off if key not in options else config[key] if config[key] != off else on)
        for key, (off, on) in SWITCHES.items()
    }
