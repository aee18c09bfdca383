"""``fidip synthesize``: render a synthetic dataset in SyRIP's layout."""

from __future__ import annotations

from fidip.cli import check_arguments, command, instantiate

if __name__ == "__main__":
    check_arguments("synthesize")

from collections.abc import Mapping
from pathlib import Path

from omegaconf import DictConfig

from fidip.cli.console_progress import ConsoleProgress
from fidip.core.errors import ConfigError
from fidip.core.progress import Progress
from fidip.io.coco import annotation_file
from fidip.io.directories import output_folder
from fidip.synth import Appearance, ImageSet, RenderSettings, write_split
from fidip.synth.body.own_body import OwnBody
from fidip.synth.dataset.clip_set import ClipSet
from fidip.synth.dataset.clip_writer import write_clips
from fidip.synth.dataset.contact_sheet import clip_contact_sheet, contact_sheet
from fidip.synth.labels.clinical import extra_file


def synthesize(config: DictConfig) -> None:
    """Render each split that does not exist yet, with a contact sheet."""
    root = Path(config.out)
    with output_folder(root), ConsoleProgress("image") as progress:
        _render(config, root, progress)
    print(f"dataset: {root}")


def _render(config: DictConfig, root: Path, progress: Progress) -> None:
    settings = _settings(config, progress)
    _require_appearances(config.preset, settings.appearances)
    clips = {} if config.first else _clip_sets(config.preset)
    for split, parts in config.preset.get("splits", {}).items():
        if _is_wanted(root, split, config.force, settings.extra_points):
            write_split(root, split, [ImageSet(**part) for part in parts], settings)
            contact_sheet(root, split, root / "contact_sheets" / f"{split}.jpg")
    for split, parts in clips.items():
        if _is_wanted(root, split, config.force):
            write_clips(root, split, parts, settings)
            clip_contact_sheet(root, split, root / "contact_sheets" / f"{split}.jpg")


def _settings(config: DictConfig, progress: Progress) -> RenderSettings:
    choices = config.appearances.items()
    return RenderSettings(
        appearances={name: instantiate(choice, _convert_="all") for name, choice in choices},
        size_wh=tuple(config.preset.size_wh),
        seed=config.seed,
        workers=config.workers,
        progress=progress,
        own=_own_body(config),
        more_labels=config.more_labels or config.preset.get("more_labels", "none"),
        extra_points=tuple(config.extra_points),
        first=config.first,
    )


def _require_appearances(preset: DictConfig, appearances: Mapping[str, Appearance]) -> None:
    kinds = [*preset.get("splits", {}).items(), *preset.get("clips", {}).items()]
    for split, name in ((split, part.appearance) for split, parts in kinds for part in parts):
        if name not in appearances:
            raise ConfigError(
                f"preset, {split}: appearance {name}; expected one of {', '.join(appearances)}. "
                f"Add conf/appearance/{name}.yaml, if it exists, by "
                f"+appearance@appearances.{name}={name}"
            )


def _is_wanted(root: Path, split: str, force: bool, extra: tuple[str, ...] = ()) -> bool:
    file = annotation_file(root, split)
    if force:
        file.unlink(missing_ok=True)
    elif file.exists() and extra and not extra_file(root, split).exists():
        raise ConfigError(f"extra_points: {file} exists already. Add force=true to render it again")
    elif file.exists():
        print(f"{split}: exists already")
        return False
    return True


def _clip_sets(preset: DictConfig) -> dict[str, list[ClipSet]]:
    """Return the clips of each split of a preset."""
    clips = preset.get("clips", {})
    return {str(split): [_clip_set(part) for part in parts] for split, parts in clips.items()}


def _clip_set(part: DictConfig) -> ClipSet:
    fields = {str(key): value for key, value in part.items()}
    fields |= {"postures": tuple(part.postures), "subjects": tuple(part.get("subjects", ()))}
    if part.get("events") is not None:
        fields["events"] = instantiate(part.events, _convert_="all")
    return ClipSet(**fields)


def _own_body(config: DictConfig) -> OwnBody | None:
    if config.body is None:
        return None
    face = None if config.body_face is None else tuple(config.body_face)
    return OwnBody.from_file(Path(config.body), config.body_group, face)


@command("synthesize")
def main(config: DictConfig) -> None:
    """Run the command."""
    synthesize(config)


if __name__ == "__main__":
    main()
