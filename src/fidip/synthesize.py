"""``fidip synthesize``: write a free data set in SyRIP's layout."""

from __future__ import annotations

from fidip.cli import check_arguments, command, instantiate

if __name__ == "__main__":
    check_arguments("synthesize")

from collections.abc import Mapping
from pathlib import Path

from omegaconf import DictConfig
from tqdm import tqdm

from fidip.core.errors import ConfigError
from fidip.io.coco import annotation_file
from fidip.io.directories import output_folder
from fidip.synth import Group, write_split
from fidip.synth.appearance import Look
from fidip.synth.body.own_body import OwnBody
from fidip.synth.dataset.clip_writer import Clips, write_clips
from fidip.synth.dataset.contact_sheet import contact_sheet
from fidip.synth.labels.clinical import extra_file


def synthesize(config: DictConfig) -> None:
    """Render every split that is not there yet, each with a contact sheet."""
    root = Path(config.out)
    with output_folder(root):
        _render(config, root)
    print(f"data set: {root}")


def _render(config: DictConfig, root: Path) -> None:
    looks = {name: instantiate(look, _convert_="all") for name, look in config.looks.items()}
    _require_looks(config.preset, looks)
    rest = (looks, tuple(config.preset.size_wh), config.seed, config.workers, _bar)
    own, extra = _own_body(config), tuple(config.extra_points)
    labels = config.more_labels or config.preset.get("more_labels", "none")
    for split, parts in config.preset.get("splits", {}).items():
        if _is_wanted(root, split, config.force, extra):
            write_split(
                root,
                split,
                [Group(**part) for part in parts],
                *rest,
                labels,
                own,
                extra,
                config.first,
            )
            contact_sheet(root, split, root / "contact_sheets" / f"{split}.jpg")
    clips = {} if config.first else config.preset.get("clips", {})
    for split, parts in clips.items():
        if _is_wanted(root, split, config.force):
            write_clips(root, split, [_clips(part) for part in parts], *rest, own)


def _require_looks(preset: DictConfig, looks: Mapping[str, Look]) -> None:
    kinds = [*preset.get("splits", {}).items(), *preset.get("clips", {}).items()]
    for split, look in ((split, part.look) for split, parts in kinds for part in parts):
        if look not in looks:
            raise ConfigError(
                f"preset, {split}: look {look} is none of {', '.join(looks)}; "
                f"conf/look/{look}.yaml, where there is one, joins them by +look@looks.{look}={look}"
            )


def _is_wanted(root: Path, split: str, force: bool, extra: tuple[str, ...] = ()) -> bool:
    file = annotation_file(root, split)
    if force:
        file.unlink(missing_ok=True)
    elif file.exists() and extra and not extra_file(root, split).exists():
        raise ConfigError(
            f"extra_points: {file} is there already; add force=true to render it anew"
        )
    elif file.exists():
        print(f"{split}: there already")
        return False
    return True


def _clips(part: DictConfig) -> Clips:
    fields = {str(key): value for key, value in part.items()}
    return Clips(**{**fields, "postures": tuple(part.postures)})


def _own_body(config: DictConfig) -> OwnBody | None:
    if config.body is None:
        return None
    face = None if config.body_face is None else tuple(config.body_face)
    return OwnBody.of(Path(config.body), config.body_group, face)


def _bar(records, total, label):  # type: ignore[no-untyped-def]
    return tqdm(records, total=total, desc=f"{label:>16}", unit="image")


@command("synthesize")
def main(config: DictConfig) -> None:
    synthesize(config)


if __name__ == "__main__":
    main()
