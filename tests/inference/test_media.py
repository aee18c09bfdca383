"""Photographs and videos as people have them."""

import struct
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from fidip.core.errors import DataError
from fidip.inference import Video, VideoWriter
from fidip.io.video import frames_at, read_photo
from tests.inference.made_media import TICKS, make_flash_and_beep, make_video, square, turn
from tests.inference.odd_media import (
    PICTURE,
    encode,
    image_bytes,
    make_changing_video,
    make_cut_video,
    make_sound,
    png_header,
)

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


def test_frames_are_taken_by_number(tmp_path):
    video = make_video(tmp_path / "v.mp4", (0.0, 0.1, 0.2, 0.3))
    frames = list(Video(video))
    for numbers, expected in (({2, 1}, [1, 2]), ({0, 4}, [0]), ({3}, [3]), (set(), [])):
        found = list(frames_at(video, numbers))
        assert [frame.index for frame in found] == expected
        assert all(np.array_equal(f.image, frames[f.index].image) for f in found)
    assert list(frames_at(tmp_path / "missing.mp4", set())) == []


@pytest.mark.parametrize("suffix", [".avif", ".gif", ".webp", ".jp2", ".ppm"])
def test_photographs_of_other_kinds_are_read(suffix, tmp_path):
    image = np.full((60, 80, 3), 255, np.uint8)
    image[:, 40:] = 0
    (tmp_path / f"p{suffix}").write_bytes(image_bytes(suffix, image))
    assert np.abs(read_photo(tmp_path / f"p{suffix}").astype(int) - image).mean() < 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (png_header(60_000, 60_000), "cannot be decoded"),
        (png_header(20_000, 20_000), "not an image, or cut short"),
        (image_bytes(".png", PICTURE[:1, :1]), "has 1x1 px; expected at least 16x16"),
        (image_bytes(".png", PICTURE[:15]), "has 64x15 px"),
        (image_bytes(".png", np.zeros((20, 66_000, 3), np.uint8)), "at most 65500 px"),
        (b"\0\0\0\x18ftypheic" + bytes(99), "is a HEIC image.* Convert it to JPEG"),
        (b"", "is empty"),
    ],
)
def test_a_bad_photograph_is_one_line(content, words, tmp_path):
    (tmp_path / "p.png").write_bytes(content)
    with pytest.raises(DataError, match=words) as error:
        read_photo(tmp_path / "p.png")
    assert "\n" not in str(error.value)


def test_a_file_that_would_fill_the_memory_is_not_read(tmp_path):
    with (tmp_path / "p.jpg").open("wb") as file:
        file.truncate(1 << 40)  # sparse
    with pytest.raises(DataError, match="1048576 MiB; expected at most 1024"):
        read_photo(tmp_path / "p.jpg")


def decoded(path):
    """Frames that are decoded and announced, and the damage."""
    video = Video(path)
    return len(list(video)), video.count, video.damage


@pytest.mark.parametrize("share", [0.75, 0.995])
def test_a_truncated_video_keeps_its_frames_and_is_reported(share, tmp_path):
    frames, announced, damage = decoded(make_cut_video(tmp_path / "v.mp4", share))
    assert 0 < frames < announced == 30
    assert damage == "the file is cut short"


@pytest.mark.parametrize(
    ("name", "codec", "sound"),
    [
        ("v.avi", "mpeg4", "mp3"),
        ("v.avi", "mpeg4", None),
        ("v.mkv", "libx264", "flac"),
        ("v.webm", "libvpx", None),
        ("v.flv", "flv", None),
    ],
)
def test_other_truncated_containers(name, codec, sound, tmp_path):
    path = encode(tmp_path / name, codec, sound, frames=50)
    frames, announced, damage = decoded(path)
    assert (frames, damage) == (50, None)
    assert announced in (0, 50, 51)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames, _, damage = decoded(path)
    assert 0 < frames < 40
    assert damage is not None


@pytest.mark.parametrize(
    ("name", "codec", "sound"),
    [("v.wmv", "wmv2", "wmav2"), ("v.mkv", "libx264", "flac"), ("v.avi", "mpeg4", "mp3"),
     ("v.mp4", "libx264", "aac"), ("v.mov", "libx264", "pcm_s16le"), ("v.flv", "flv", "mp3")],
)  # fmt: skip
def test_sound_that_is_longer_than_the_picture_is_no_damage(name, codec, sound, tmp_path):
    frames, _, damage = decoded(encode(tmp_path / name, codec, sound, frames=10))
    assert (frames, damage) == (10, None)


def test_frames_that_an_edit_list_leaves_out_are_no_damage(tmp_path):
    """As phones trim: all frames stay in the file, and half of them are shown."""
    path = make_video(tmp_path / "v.mp4", [i / 25 for i in range(60)])
    content = bytearray(path.read_bytes())
    at = content.index(b"elst") + 12
    length, start = struct.unpack(">Ii", content[at : at + 8])
    content[at : at + 8] = struct.pack(">Ii", length // 2, start + TICKS * 16 // 2)
    path.write_bytes(content)
    frames, announced, damage = decoded(path)
    assert announced == 60
    assert frames < 50
    assert damage is None


def test_frames_after_a_change_of_size_are_left_out_and_counted(tmp_path):
    frames, _, damage = decoded(make_changing_video(tmp_path / "v.mpg"))
    assert 0 < frames <= 8
    assert damage == f"frame {frames} has 96x80 px, those before it 64x48"


def test_times_increase_where_a_file_repeats_them(tmp_path):
    path = encode(tmp_path / "v.avi", "mpeg4", frames=6)
    repeated = encode(tmp_path / "v.mpg", "mpeg2video", frames=6)
    repeated.write_bytes(2 * repeated.read_bytes())  # starts again from 0 s
    for file in (path, repeated):
        times = [frame.time for frame in Video(file)]
        assert len(times) >= 6
        assert (np.diff(times) > 0).all()


def test_a_video_that_is_too_small_or_has_sound_only_is_one_line(tmp_path):
    with pytest.raises(DataError, match="has 2x2 px"):
        list(Video(make_video(tmp_path / "v.mp4", wh=(2, 2))))
    make_sound(tmp_path / "s.mp4")
    with pytest.raises(DataError, match="holds no video"):
        Video(tmp_path / "s.mp4")


def test_a_title_that_is_not_utf_8_is_no_error(tmp_path):
    encode(tmp_path / "v.mkv", "libx264", frames=3)
    content = (tmp_path / "v.mkv").read_bytes()
    (tmp_path / "v.mkv").write_bytes(content.replace(b"Lavf", b"L\xe9vf"))
    assert content.count(b"Lavf")
    assert len(list(Video(tmp_path / "v.mkv"))) == 3


def test_a_name_with_a_colon_is_no_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "12:30.mp4")
    assert len(list(Video(Path("12:30.mp4")))) == 3


@pytest.mark.parametrize(
    ("name", "codec", "sound", "pix_fmt"),
    [("v.wmv", "wmv2", "wmav2", "yuv420p"), ("v.avi", "mjpeg", "pcm_s16le", "yuvj420p"),
     ("v.mkv", "libx264", "flac", "yuv420p"), ("v.flv", "flv", "mp3", "yuv420p")],
)  # fmt: skip
def test_sound_is_kept_whatever_it_is_encoded_as(name, codec, sound, pix_fmt, tmp_path):
    source = encode(tmp_path / name, codec, sound, frames=25, pix_fmt=pix_fmt)
    with VideoWriter(tmp_path / "out.mp4", sound=source) as writer:
        for frame in Video(source):
            writer.write(frame.image, frame.time)
    with av.open(str(tmp_path / "out.mp4")) as container:
        heard = [frame.to_ndarray() for frame in container.decode(audio=0)]
        assert container.streams.audio[0].codec_context.name in ("aac", "flac", "mp3float")
    assert sum(part.shape[1] for part in heard) > 20_000


@pytest.mark.parametrize("sound", ["aac", "mp2"], ids=["copied", "encoded"])
@pytest.mark.parametrize(("video_from", "sound_from"), [(1.4, 1.4), (1.4, 0.0), (0.4, 1.0)])
def test_sound_is_at_its_frame_whenever_the_source_starts(video_from, sound_from, sound, tmp_path):
    source = make_flash_and_beep(tmp_path / "v.ts", sound, video_from, sound_from)
    with VideoWriter(tmp_path / "out.mp4", sound=source) as writer:
        for frame in Video(source):
            writer.write(frame.image, frame.time)
    with av.open(str(tmp_path / "out.mp4")) as container:
        flash = [
            f.time for f in container.decode(video=0) if f.to_ndarray(format="gray").max() > 99
        ]
    with av.open(str(tmp_path / "out.mp4")) as container:
        frames = list(container.decode(audio=0))
    times = np.concatenate([f.time + np.arange(f.samples) / f.sample_rate for f in frames])
    beep = times[np.concatenate([np.abs(f.to_ndarray()[0]) for f in frames]) > 0.2]
    assert flash == pytest.approx([3.0 - video_from], abs=0.001)
    assert (beep.min(), beep.max()) == pytest.approx((flash[0], flash[0] + 0.1), abs=0.005)
    assert times[0] == pytest.approx(max(sound_from - video_from, 0), abs=0.05)
    assert times[-1] == pytest.approx(4.0 - video_from, abs=0.1)


def test_an_error_leaves_no_half_video(tmp_path):
    def fail():
        with VideoWriter(tmp_path / "out.mp4") as writer:
            writer.write(PICTURE, 0.0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []
