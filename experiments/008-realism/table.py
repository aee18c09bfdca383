"""AP of the judges by slice of people, and contact sheets of the worst slices.

``python experiments/008-realism/table.py DIR OUT`` reads the output of run.sh in DIR, writes
slices.csv and the sheets into OUT, and prints the tables of the README.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fidip.core.people import Annotation, People
from fidip.data import read_annotations
from fidip.io.coco import from_coco_results
from fidip.io.drawing import draw_pose, sheet, spread
from fidip.io.json import read_json
from fidip.metrics.keypoint_ap import average_precision
from fidip.metrics.oks import instance_oks
from fidip.metrics.slices import properties

LOOKS = ("clean", "varied", "home", "clinic", "night", "far")
VIEWS = ("as rendered", "head up")
JOINTS = ("all", "seen")
ROUNDS, SEED = 1000, 0
HEADER = ("judge", "group", "view", "joints", "slice", "people", "AP", "low", "high")
PROPERTIES = (
    (),
    ("look",),
    ("posture",),
    ("rotation",),
    ("occlusion",),
    ("look", "is upright"),
)
PAIRS = (("posture", "rotation"), ("look", "posture"))
SHEETS = {
    "prone": ("infant", "as rendered", {"posture": "Prone"}),
    "all-fours": ("infant", "as rendered", {"posture": "All Fours"}),
    "head-down": ("infant", "as rendered", {"rotation": "head down"}),
    "night": ("infant", "head up", {"look": "night"}),
    "far": ("infant", "head up", {"look": "far"}),
}
PAIRED = (
    ("prone_from_above", "prone"),
    ("prone_on_the_belly", "prone"),
    ("prone_on_the_belly_from_above", "prone_from_above"),
    ("night_good_camera", "night"),
    ("far_good_camera", "far"),
)
TILES, TILE, COLUMNS = 18, 170, 6


@dataclass(frozen=True)
class Judged:
    """A rendered person, what a judge predicted, and the slices that the person is in."""

    person: Annotation
    entry: dict[str, Any]
    slices: dict[str, str]


def read(work: Path, judge: str, group: str, view: str) -> Iterator[Judged]:
    """Everyone of a group in all looks; ids are made unique over the looks."""
    for number, look in enumerate(LOOKS):
        split = f"validate_{group}_{look}"
        slices = _slices(_people(work / "data", split), look)
        for person, entry in poses(work, judge, Path("data"), split, view):
            first = 10_000 * number
            yield Judged(
                replace(person, id=person.id + first, image_id=person.image_id + first),
                {**entry, "image_id": entry["image_id"] + first},
                slices[person.image_id],
            )


def poses(
    work: Path, judge: str, data: Path, split: str, view: str
) -> Iterator[tuple[Annotation, dict[str, Any]]]:
    """Return people of a dataset and their predictions; in the view "head up" turned if needed."""
    found = _predicted(work, judge, data, split)
    if view == "head up":
        found |= _predicted(work, judge, "upright" / data, split)
    yield from (found[image_id] for image_id in sorted(found))


def _predicted(
    work: Path, judge: str, data: Path, split: str
) -> dict[int, tuple[Annotation, dict[str, Any]]]:
    entries = read_json(work / "results" / judge / data / f"{split}.json")
    people = {person.image_id: person for person in _people(work / data, split)} if entries else {}
    return {e["image_id"]: (people[e["image_id"]], e) for e in entries}


def _people(root: Path, split: str) -> People:
    file = root / "annotations" / f"person_keypoints_{split}.json"
    return read_annotations(file, root / "images" / split).people


def _slices(people: People, look: str) -> dict[int, dict[str, str]]:
    """Slices by image id, as the people were rendered."""
    known = properties(people)
    out = {}
    for i, person in enumerate(people):
        own = {name: known[name][i] for name in ("posture", "rotation", "occlusion")}
        upright = own["rotation"] == "head up" and own["posture"] in ("Standing", "Sitting")
        out[person.image_id] = {**own, "look": look, "is upright": str(upright)}
    return out


def score(judged: Sequence[Judged], joints: str) -> list[str]:
    """Return AP and its 95 % interval over images, of all labelled joints or of visible ones."""
    people = [j.person if joints == "all" else seen(j.person) for j in judged]
    poses = from_coco_results([j.entry for j in judged])
    value, interval = average_precision(People.without_others(people), poses, ROUNDS, SEED)
    return ["" if n is None else f"{n:.3f}" for n in (value, *(interval or (None, None)))]


def seen(person: Annotation) -> Annotation:
    """The same person with hidden joints unlabelled."""
    keypoints = person.keypoints.copy()
    keypoints[keypoints[:, 2] == 1] = 0
    return replace(person, keypoints=keypoints)


def by_value(judged: Iterable[Judged], names: tuple[str, ...]) -> dict[str, list[Judged]]:
    """People by the values that they have of some properties."""
    out: dict[str, list[Judged]] = {}
    for j in judged:
        out.setdefault(", ".join(j.slices[name] for name in names) or "everyone", []).append(j)
    return dict(sorted(out.items()))


def rows(work: Path, judge: str) -> Iterator[tuple[Any, ...]]:
    for group, view in product(("infant", "adult"), VIEWS):
        judged = list(read(work, judge, group, view))
        wanted = [*product(JOINTS, PROPERTIES), *(("all", names) for names in PAIRS)]
        for joints, names in wanted:
            for value, part in by_value(judged, names).items():
                name = f"{' x '.join(names)}: {value}" if names else value
                yield judge, group, view, joints, name, len(part), *score(part, joints)


def control_rows(work: Path, judge: str) -> Iterator[tuple[Any, ...]]:
    """Of the people of control.py, whose slice is the control's name."""
    view = VIEWS[1]
    for folder, joints in product(sorted((work / "control").iterdir()), JOINTS):
        found = poses(work, judge, folder.relative_to(work), "validate_control", view)
        judged = [Judged(person, entry, {}) for person, entry in found]
        yield judge, "control", view, joints, folder.name, len(judged), *score(judged, joints)


def differences(work: Path, judge: str) -> Iterator[str]:
    """Return lines on the mean OKS of paired controls: same people, images with one difference."""
    for name, base in PAIRED:
        gain = _oks(work, judge, name) - _oks(work, judge, base)
        draws = np.random.default_rng(SEED).integers(0, len(gain), (ROUNDS, len(gain)))
        low, high = np.percentile(gain[draws].mean(1), [2.5, 97.5])
        yield f"{judge}, OKS of {name} less {base}: {gain.mean():+.3f} ({low:+.3f} to {high:+.3f})"


def _oks(work: Path, judge: str, name: str) -> np.ndarray:
    found = list(poses(work, judge, Path("control", name), "validate_control", "head up"))
    xy = np.reshape([entry["keypoints"] for _, entry in found], (-1, 17, 3))[..., :2]
    return instance_oks(xy, [person for person, _ in found])


def draw_sheet(work: Path, out: Path, name: str) -> None:
    """Pairs of labels and Thunder's poses for people spread evenly over a slice."""
    group, view, wanted = SHEETS[name]
    judged = [j for j in read(work, "thunder", group, view) if wanted.items() <= j.slices.items()]
    tiles = []
    for i in spread(len(judged), TILES):
        person, found = judged[i].person, np.reshape(judged[i].entry["keypoints"], (-1, 3))
        image = cv2.imread(str(person.image_path), cv2.IMREAD_COLOR_RGB)
        v = person.keypoints[:, 2]
        tiles.append(draw_pose(image, person.keypoints[:, :2], v > 0, v == 1))
        tiles.append(draw_pose(image, found[:, :2], found[:, 2] > 0))
    page = sheet(tiles, TILE, COLUMNS)[..., ::-1]
    cv2.imwrite(str(out / f"{name}.jpg"), page, [cv2.IMWRITE_JPEG_QUALITY, 70])


def main(work: Path, out: Path) -> None:
    judges = sorted(path.name for path in (work / "results").iterdir())
    table = [row for judge in judges for row in (*rows(work, judge), *control_rows(work, judge))]
    with (out / "slices.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([HEADER, *table])
    print_tables(table)
    for judge in judges:
        print(*differences(work, judge), sep="\n")
    for name in SHEETS:
        draw_sheet(work, out, name)


COLUMNS_SHOWN = tuple(
    product(("infant", "adult"), (("as rendered", "all"), ("head up", "all"), ("head up", "seen")))
)


def print_tables(table: Sequence[tuple[Any, ...]]) -> None:
    """The tables of the README: a row a slice, columns by group, view and joints."""
    cells = {row[:5]: f"{row[6]} ({row[7]} to {row[8]}, {row[5]})" for row in table}
    names = list(dict.fromkeys((row[0], row[4]) for row in table if row[1] != "control"))
    heads = [f"{g}, {view}, {joints} joints" for g, (view, joints) in COLUMNS_SHOWN]
    print("| " + " | ".join(["judge", "slice", *heads]) + " |")
    for judge, name in names:
        row = [cells.get((judge, g, v, j, name), "") for g, (v, j) in COLUMNS_SHOWN]
        print("| " + " | ".join([judge, name, *row]) + " |")
    print("| judge | control, head up | all joints | seen joints |")
    for judge, name in dict.fromkeys((row[0], row[4]) for row in table if row[1] == "control"):
        row = [cells[judge, "control", "head up", joints, name] for joints in JOINTS]
        print("| " + " | ".join([judge, name, *row]) + " |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
