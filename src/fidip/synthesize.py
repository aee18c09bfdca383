"""``fidip synthesize``: write a free data set in SyRIP's layout."""

from __future__ import annotations

from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig
from tqdm import tqdm

from fidip.cli import command
from fidip.synth import Group, write_split
from fidip.synth.sheet import contact_sheet


def synthesize(config: DictConfig) -> None:
    """Render every split that is not there yet, each with a contact sheet."""
    root = Path(config.out)
    looks = instantiate(config.looks)
    for split, parts in config.preset.splits.items():
        if (root / "annotations" / f"person_keypoints_{split}.json").exists() and not config.force:
            print(f"{split}: there already")
            continue
        groups = [Group(**part) for part in parts]
        size_wh = tuple(config.preset.size_wh)
        write_split(root, split, groups, looks, size_wh, config.seed, config.workers, _bar)
        contact_sheet(root, split, root / "contact_sheets" / f"{split}.jpg")
    print(f"data set: {root}")


def _bar(records, total, label):  # type: ignore[no-untyped-def]
    return tqdm(records, total=total, desc=f"{label:>16}", unit="image")


@command("synthesize")
def main(config: DictConfig) -> None:
    synthesize(config)


if __name__ == "__main__":
    main()
