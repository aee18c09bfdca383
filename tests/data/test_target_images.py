"""Images and videos of the target: boxes from a file, or found once and kept in the cache."""

import json

import cv2
import numpy as np
import pytest

from fidip.core.errors import ArgumentError, DataError
from fidip.data import SyripDataModule
from fidip.data.target_images import find_target
from fidip.io.images import write_image
from fidip.io.video import frame_numbers
from tests.inference.made_media import make_video, square


class BrightSquare:
    """Detector of the bright square of test videos; counts the images that it searches."""

    name = "bright"

    def __init__(self, stop_at=None):
        self.searched = 0
        self.stop_at = stop_at

    def __call__(self, image):
        self.searched += 1
        if self.searched == self.stop_at:
            raise KeyboardInterrupt
        y, x = np.nonzero(image.mean(2) > 150)
        if not len(x):
            return np.zeros((0, 4))
        return np.array([[x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1]], dtype=float)


@pytest.fixture
def media(tmp_path, monkeypatch):
    """A folder of two photographs with a square, one without, and a video of eight frames."""
    monkeypatch.setenv("FIDIP_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "media"
    folder.mkdir()
    for number in range(2):
        write_image(folder / f"{number}.png", square(number, (64, 48)))
    write_image(folder / "empty.png", np.full((48, 64, 3), 40, np.uint8))
    make_video(folder / "clip.mp4", times=np.arange(8) / 25)
    return folder


def test_people_are_found_in_images_and_frames_of_videos(media):
    detector, reports = BrightSquare(), []
    people = find_target(str(media), 4, detector, lambda *report: reports.append(report))
    assert detector.searched == len(reports) == 3 + 4
    assert len({a.image_id for a in people}) == len(people) == 2 + 4
    assert not any(a.keypoints.any() for a in people)
    for person in people:
        image = cv2.imread(str(person.image_path))
        left, top, width, height = person.box_xywh.astype(int)
        inside = image[top : top + height, left : left + width]
        assert inside.mean() > 200
        assert (image.mean(2) > 150).sum() == pytest.approx(width * height, rel=0.1)
    names = [a.image_path.name for a in people]
    assert names == ["0.png", "1.png", *(f"{n:06}.jpg" for n in (1, 3, 5, 7))]


def test_a_file_is_searched_once_for_its_content_and_settings(media):
    first = find_target(str(media), 4, BrightSquare())
    again = BrightSquare()
    second = find_target(str(media), 4, again)
    assert again.searched == 0
    assert [vars(a).keys() for a in first] == [vars(a).keys() for a in second]
    assert [a.image_path for a in first] == [a.image_path for a in second]
    other = BrightSquare()
    find_target(str(media), 2, other)
    assert other.searched == 2  # of the video; photographs do not depend on the number
    write_image(media / "0.png", square(3, (64, 48)))
    changed = BrightSquare()
    people = find_target(str(media), 4, changed)
    assert changed.searched == 1
    assert people[0].box_xywh[0] == 4 + 4 * 3
    renamed = BrightSquare()
    renamed.name = "another"
    find_target(str(media), 4, renamed)
    assert renamed.searched == 3 + 4


def test_an_interrupted_search_continues_with_the_next_file(media):
    stopped = BrightSquare(stop_at=6)  # in the video, the third of sorted files by name
    with pytest.raises(KeyboardInterrupt):
        find_target(str(media), 4, stopped)
    left = list((media.parent / "cache" / "targets").rglob("*"))
    assert not any(path.name.startswith(".") for path in left)
    resumed = BrightSquare()
    people = find_target(str(media), 4, resumed)
    assert resumed.searched == 3 + 4 - 2
    assert len(people) == 2 + 4


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda media: (media / "1.png").write_bytes(b"not an image"), "1.png"),
        (lambda media: (media / "clip.mp4").write_bytes(b"no video"), "clip.mp4"),
        (lambda media: (media / "raw.dng").write_bytes(b"raw"), "raw.dng: .dng files cannot"),
    ],
)
def test_files_that_cannot_be_read_are_one_line(media, damage, words):
    damage(media)
    with pytest.raises(DataError, match=words) as error:
        find_target(str(media), 4, BrightSquare())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("gone", r"data\.target_images=.*gone: no such file"),
        ("media/empty.png", r"data\.target_images=.*: no person was found in 1 files"),
        ("cache", r"data\.target_images=.*cache: (no such|the folder holds no)"),
    ],
)
def test_a_target_without_people_is_one_line(media, source, words):
    with pytest.raises(DataError, match=words) as error:
        find_target(str(media.parent / source), 4, BrightSquare())
    assert "\n" not in str(error.value)


def test_boxes_that_cannot_be_cropped_are_left_out(media):
    class Odd(BrightSquare):
        def __call__(self, image):
            found = super().__call__(image)
            return np.array([*found, [-50, -50, 20, 20], [3, 3, 0, 5], [np.nan] * 4])

    assert len(find_target(str(media), 4, Odd())) == 2 + 4


@pytest.mark.parametrize(("total", "count"), [(1, 1), (7, 3), (100, 100), (5, 9), (1000, 7)])
def test_frames_have_equal_distances(total, count):
    numbers = frame_numbers(total, count)
    assert len(numbers) == len(set(numbers)) == min(total, count)
    assert 0 <= numbers[0] <= numbers[-1] < total
    assert np.ptp(np.diff(numbers)) <= 1 if len(numbers) > 1 else True


def make_data(root, **options):
    return SyripDataModule(root=root, input_wh=(48, 64), batch_size=4, num_workers=0, **options)


def write_boxes(media):
    record = {"width": 64, "height": 48}
    images = [{"id": n, "file_name": f"{n}.png", **record} for n in range(2)]
    boxes = [{"id": n, "image_id": n, "bbox": [4 + 4 * n, 4, 8, 8]} for n in range(2)]
    file = media.parent / "boxes.json"
    file.write_text(json.dumps({"images": images, "annotations": boxes}))
    return file


def test_boxes_can_come_from_a_file(media, tiny_root):
    file = write_boxes(media)
    data = make_data(tiny_root, target_images=str(media), target_boxes=str(file), val_fraction=0)
    data.setup("fit")
    assert [a.image_path.name for a in data.train_set.unlabelled.annotations] == ["0.png", "1.png"]
    assert len(data.training_images) == 12 + 2
    batch = next(iter(data.train_dataloader()))
    assert batch.is_unlabelled.sum() == 2
    assert not batch.is_synthetic[batch.is_unlabelled].any()


def test_found_people_are_trained_on_without_labels(media, tiny_root):
    data = make_data(tiny_root, target_images=str(media), target_frames=4, val_fraction=0)
    data.find_people = lambda source, frames: find_target(source, frames, BrightSquare())
    data.setup("fit")
    assert len(data.train_set.unlabelled) == 6
    data.target_images = "gone"  # on a machine that only evaluates
    data.setup("validate")
    data.setup("test")


def test_target_images_may_be_all_that_is_trained_on(media, tiny_root):
    alone = {"synthetic_images": 0, "real_images": 0, "target_images": str(media)}
    data = make_data(tiny_root, **alone, target_boxes=str(write_boxes(media)))
    data.setup("fit")
    assert not data.has_labels
    assert all(batch.is_unlabelled.all() for batch in data.train_dataloader())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target_boxes": "b.json"}, r"target_boxes=b\.json: target_images is null"),
        ({"target_images": "gone", "target_boxes": "b.json"}, "target_images=gone: .* no such"),
        ({"target_images": "gone"}, "target_boxes=null: .* target_images=gone"),
    ],
)
def test_settings_of_a_target_that_contradict_each_other(tiny_root, options, words):
    with pytest.raises(ArgumentError, match=words) as error:
        make_data(tiny_root, **options).setup("fit")
    assert "\n" not in str(error.value)


def test_a_test_image_among_the_target_images_is_refused(tiny_root, tmp_path, monkeypatch):
    monkeypatch.setenv("FIDIP_CACHE", str(tmp_path))
    data = make_data(tiny_root, target_images=str(tiny_root / "images" / "validate_infant"))

    def whole_image(image):
        return np.array([[0.0, 0, image.shape[1], image.shape[0]]])

    whole_image.name = "whole"
    data.find_people = lambda source, frames: find_target(source, frames, whole_image)
    with pytest.raises(DataError, match="5 of 5 test images are among the training images"):
        data.setup("fit")
