"""Windows of frames around labelled people in clips."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from albumentations import Compose, RandomBrightnessContrast

from fidip.core.errors import ArgumentError, DataError
from fidip.core.people import ImageInfo
from fidip.core.samples import Batch, SampleKey
from fidip.data import Augmentation, ClipDataModule, read_image, video_frames
from fidip.data.video_frames import extract_frames, frame_windows
from tests.data.made_clips import WH, write_made_clips


@pytest.fixture(scope="module")
def clips_root(tmp_path_factory):
    return write_made_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("FIDIP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make_data(root, **options):
    sizes = {"past": 2, "future": 1, "batch_size": 4, "num_workers": 0, "input_wh": (48, 48)}
    splits = {"train_split": "train_clips", "test_split": "validate_clips", "val_fraction": 0}
    return ClipDataModule(root=root, **{**sizes, **splits, **options})


def edit(root, change, split="train_clips"):
    path = root / "annotations" / f"person_keypoints_{split}.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_window_holds_the_frames_around_the_target_and_repeats_the_ends(clips_root):
    data = make_data(clips_root)
    data.setup("fit")
    numbers = [
        [int(path.stem) for path in data.train_set.windows[person.image_path]]
        for person in data.train_set.annotations[5:10]
    ]
    assert numbers == [[0, 0, 0, 1], [0, 0, 1, 2], [0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 4]]
    folders = {path.parent for window in data.train_set.windows.values() for path in window}
    assert len(folders) == 4  # a window never reaches into another clip
    for window in data.train_set.windows.values():
        assert len({path.parent for path in window}) == 1


def test_all_frames_are_cropped_by_the_window_of_the_target(clips_root):
    data = make_data(clips_root)
    data.setup("fit")
    sample = data.train_set[7]  # frame 2 of the second clip; the figure moves 2 px a frame
    person = data.train_set.annotations[7]
    assert sample.crop.shape == (4, 48, 48, 3)
    alone = super(type(data.train_set), data.train_set)
    target = alone._crop(person, data.train_set.crop_window(7).image_to_crop((48, 48)))
    np.testing.assert_array_equal(sample.crop[2], target)
    columns = np.abs(sample.crop.astype(float) - sample.crop[0, 0, 0]).sum(axis=(1, 3))
    middle = (columns * np.arange(48)).sum(axis=1) / columns.sum(axis=1)
    scale = 48 / data.train_set.crop_window(7).width
    np.testing.assert_allclose(np.diff(middle), 2 * scale, atol=0.6)
    xy = sample.joints_crop @ sample.crop_to_image[:, :2].T + sample.crop_to_image[:, 2]
    np.testing.assert_allclose(xy, person.keypoints[:, :2], atol=1e-3)


def test_frames_are_those_of_the_video(clips_root, cache):
    video = clips_root / "videos/train_clips/clip0001.mp4"
    folder = extract_frames(video)
    assert folder.is_relative_to(cache)
    assert sorted(path.name for path in folder.iterdir()) == [f"{n:06}.jpg" for n in range(5)]
    first, last = (read_image(folder / f"{n:06}.jpg", WH).astype(float) for n in (0, 4))
    assert np.abs(last[:, 8:] - first[:, :-8]).mean() < 3  # it moves 8 px in four frames
    assert np.abs(last - first).mean() > 5
    (folder / "000003.jpg").write_bytes(b"kept")
    assert extract_frames(video) == folder  # written once
    assert (folder / "000003.jpg").read_bytes() == b"kept"


def test_frames_that_another_process_has_written_in_the_meantime_are_kept(clips_root, monkeypatch):
    video = clips_root / "videos/train_clips/clip0002.mp4"
    write = video_frames.write_image

    def write_after_another(path, *arguments):
        monkeypatch.setattr(video_frames, "write_image", write)
        (extract_frames(video) / "000003.jpg").write_bytes(b"in use")
        write(path, *arguments)

    monkeypatch.setattr(video_frames, "write_image", write_after_another)
    folder = extract_frames(video)
    assert (folder / "000003.jpg").read_bytes() == b"in use"
    assert list(folder.parent.iterdir()) == [folder]


def test_samples_depend_on_seed_and_key_only_and_frames_share_their_augmentation(clips_root):
    bright = Compose([RandomBrightnessContrast((-0.5, 0.5), (0, 0), p=1)])
    augment = Augmentation(half_body_probability=0, appearance=bright)
    data, again, other = (make_data(clips_root, augment=augment, seed=s) for s in (1, 1, 2))
    for each in (data, again, other):
        each.setup("fit")
    key = SampleKey(7, epoch=3)
    one, same, differs = (each.train_set[key].crop for each in (data, again, other))
    np.testing.assert_array_equal(one, same)
    assert (one != differs).any()
    corners = one[:, 0, 0].astype(int)
    assert (abs(corners - corners[0]) <= 6).all()  # the background of all frames, up to JPEG
    assert abs(int(np.median(one)) - int(np.median(data.train_set[7].crop))) > 6


@pytest.mark.parametrize(
    "option", [{"target_labels": 0}, {"target_split": "validate_clips"}, {"synthetic_images": 0}]
)
def test_settings_of_images_are_refused_for_clips(clips_root, option):
    (name,) = option
    with pytest.raises(ArgumentError, match=f"^{name}=.*: does not apply to clips"):
        make_data(clips_root, **option)


def test_batches_are_stacks_of_windows(clips_root):
    data = make_data(clips_root, margin=1)
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    assert isinstance(batch, Batch)
    assert batch.crops.shape == (4, 6, 3, 48, 48)
    assert batch.joints_crop.shape == (4, 17, 2)
    test = next(iter(data.test_dataloader()))
    assert test.crops.shape == (4, 4, 3, 48, 48)  # the margin is for training only
    crop = data.test_set[0].crop
    assert torch.equal(test.crops[0], torch.from_numpy(crop).permute(0, 3, 1, 2))


def test_workers_give_the_same_batches(clips_root):
    loaded = []
    for workers in (0, 1):
        data = make_data(clips_root, augment=Augmentation(), num_workers=workers)
        data.setup("fit")
        loaded.append(torch.cat([batch.crops for batch in data.train_dataloader()]))
    assert torch.equal(*loaded)


def test_validation_takes_whole_videos(clips_root):
    data = make_data(clips_root, val_fraction=0.3)
    data.setup("fit")
    parts = [{a.image_path.parent for a in s.annotations} for s in (data.train_set, data.val_set)]
    assert [len(part) for part in parts] == [2, 1]
    assert not parts[0] & parts[1]
    assert [len(data.train_set), len(data.val_set), len(data.test_set)] == [10, 5, 5]
    with pytest.raises(ArgumentError, match="takes 3 of 3 videos"):
        make_data(clips_root, val_fraction=0.9).setup("fit")


def test_the_same_video_in_training_and_test_is_leakage(tmp_path):
    root = write_made_clips(tmp_path / "data", {"train_clips": 1, "validate_clips": 1})
    source = root / "videos/train_clips/clip0001.mp4"
    (root / "videos/validate_clips/clip0001.mp4").write_bytes(source.read_bytes())
    with pytest.raises(DataError, match="5 of 5"):
        make_data(root).setup("fit")
    data = make_data(root, allow_leakage=True)
    data.setup("fit")
    assert len(data.leaked) == 5


def test_frames_as_image_files_need_no_video(clips_root, tmp_path):
    frames = extract_frames(clips_root / "videos/train_clips/clip0002.mp4")
    root = write_made_clips(tmp_path / "data")
    (root / "images").mkdir()

    def name_files(content):
        content["images"] = content["images"][5:10]
        content["annotations"] = content["annotations"][5:10]
        for image in content["images"]:
            image["file_name"] = f"{image['frame_index']:06}.jpg"
            data = (frames / image["file_name"]).read_bytes()
            (root / "images" / image["file_name"]).write_bytes(data)

    edit(root, name_files)
    from_files, from_video = make_data(root), make_data(clips_root)
    from_files.setup("fit")
    from_video.setup("fit")
    np.testing.assert_array_equal(from_files.train_set[2].crop, from_video.train_set[7].crop)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["images"][4].update(frame_index=5), "frame_index is 5; expected 0 to 4"),
        (lambda c: c["images"][4].update(frame_index=-1), "frame_index is -1"),
        (lambda c: c["images"][4].pop("frame_index"), "frame_index is None"),
        (lambda c: c["images"][4].update(frame_index=3), "used more than once"),
        (lambda c: c["images"][4].update(width=90), "its annotations say"),
        (lambda c: [i.update(video_id=9) for i in c["images"]], "not an image"),
    ],
)
def test_labels_that_do_not_fit_their_video_are_one_line(change, words, tmp_path):
    root = write_made_clips(tmp_path / "data", {"train_clips": 1, "validate_clips": 1})
    edit(root, change)
    edit(root, change, "validate_clips")
    with pytest.raises(DataError, match=words) as error:
        make_data(root).setup("fit")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"no video", None])
def test_a_broken_video_is_one_line_and_leaves_nothing_in_the_cache(content, tmp_path, cache):
    root = write_made_clips(tmp_path / "data", {"train_clips": 1, "validate_clips": 1})
    video = root / "videos/train_clips/clip0001.mp4"
    if content is None:
        video.unlink()
    else:
        video.write_bytes(content)
    with pytest.raises(DataError, match=r"clip0001\.mp4") as error:
        make_data(root).setup("fit")
    assert "\n" not in str(error.value)
    assert len(list(cache.glob("frames/*"))) <= 1  # that of the test split


def test_a_photograph_is_a_clip_of_one_frame():
    photo = ImageInfo(1, "a.jpg", Path("a.jpg"), WH)
    assert frame_windows([photo], 1, 1) == {Path("a.jpg"): (Path("a.jpg"),) * 3}
