"""Photographs and videos as people have them."""

import cv2
import numpy as np
import pytest
from made_media import make_video, square, turn

from fidip.errors import DataError
from fidip.inference import Video, VideoWriter
from fidip.inference.media import read_photo
from fidip.inference.sources import find_media

TIMES = (0.0, 0.04, 0.12, 0.13, 0.5)


def test_times_of_a_variable_frame_rate_are_kept(tmp_path):
    frames = list(Video(make_video(tmp_path / "v.mp4", TIMES)))
    assert [f.time for f in frames] == pytest.approx(TIMES, abs=1e-9)
    assert [f.index for f in frames] == list(range(5))
    for number, frame in enumerate(frames):
        assert np.abs(frame.image.astype(int) - square(number, (64, 48))).mean() < 3


def test_phones_videos_are_turned_upright(tmp_path):
    plain = next(iter(Video(make_video(tmp_path / "v.mp4"))))
    turned = next(iter(Video(turn(make_video(tmp_path / "t.mp4")))))
    assert turned.image.shape == (64, 48, 3)
    np.testing.assert_array_equal(turned.image, np.rot90(plain.image, -1))


@pytest.mark.parametrize("count", [1, 2])
def test_few_frames_are_all_there(tmp_path, count):
    assert len(list(Video(make_video(tmp_path / "v.mp4", TIMES[:count])))) == count


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "cannot be opened"), (b"not a video at all" * 50, "cannot be opened")],
)
def test_what_is_no_video_is_one_line(tmp_path, content, words):
    (tmp_path / "v.mp4").write_bytes(content)
    with pytest.raises(DataError, match=words) as error:
        Video(tmp_path / "v.mp4")
    assert "\n" not in str(error.value)


def test_a_written_video_has_the_times_and_sound_of_its_source(tmp_path):
    import av

    source = make_video(tmp_path / "v.mp4", TIMES, wh=(65, 49), sound=True)
    with VideoWriter(tmp_path / "out.mp4", sound=source) as writer:
        for frame in Video(source):
            writer.write(frame.image, frame.time)
    written = Video(tmp_path / "out.mp4")
    frames = list(written)
    assert [f.time for f in frames] == pytest.approx(TIMES, abs=1e-4)
    assert frames[0].image.shape == (48, 64, 3)  # H.264 has even sides
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
        assert len(container.streams.audio) == 1
        heard = sum(f.samples for f in container.decode(audio=0))
    assert heard > 2000  # half a second at 8 kHz, until the last frame


def test_nothing_written_leaves_no_file(tmp_path):
    VideoWriter(tmp_path / "out.mp4").close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "image",
    [
        np.full((20, 30), 200, np.uint8),
        np.full((20, 30, 4), 200, np.uint8),
        np.full((20, 30, 3), 200 * 257, np.uint16),
    ],
    ids=["grey", "alpha", "16 bit"],
)
def test_photographs_of_any_kind_are_rgb(tmp_path, image):
    cv2.imwrite(str(tmp_path / "p.png"), image)
    read = read_photo(tmp_path / "p.png")
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, np.full((20, 30, 3), 200))


def test_photographs_in_printers_colours_and_turned_ones(tmp_path):
    pil = pytest.importorskip("PIL.Image")
    pil.new("CMYK", (30, 20), (0, 255, 255, 0)).save(tmp_path / "c.jpg", quality=95)
    red = read_photo(tmp_path / "c.jpg").reshape(-1, 3).mean(axis=0)
    assert red[0] > 200
    assert red[1:].max() < 60
    turned = pil.new("RGB", (30, 20))
    exif = turned.getexif()
    exif[0x0112] = 6  # show a quarter turn clockwise
    turned.save(tmp_path / "e.jpg", exif=exif)
    assert read_photo(tmp_path / "e.jpg").shape == (30, 20, 3)


def test_media_are_found_by_folder_and_pattern(tmp_path):
    for name in ("b.jpg", "a.PNG", "c.mp4", "notes.txt"):
        (tmp_path / name).touch()
    assert [p.name for p in find_media(str(tmp_path))] == ["a.PNG", "b.jpg", "c.mp4"]
    assert [p.name for p in find_media(f"{tmp_path}/*.jpg")] == ["b.jpg"]
    with pytest.raises(DataError, match="no file matches"):
        find_media(f"{tmp_path}/*.mov")
