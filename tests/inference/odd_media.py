"""Bad photographs and videos: damaged, tiny, huge, oddly named, or no files at all."""

import os
import shutil
import struct
import zlib

import av
import cv2
import numpy as np

from tests.inference.made_media import make_video, turn

PICTURE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)


def image_bytes(suffix, image=PICTURE):
    return cv2.imencode(suffix, image)[1].tobytes()


def png_header(width, height):
    """A PNG that announces a size and holds next to nothing."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def remux(source, path, **options):
    """Copy the packets of a video into another mp4."""
    with av.open(str(source)) as opened, av.open(str(path), "w", options=options) as out:
        stream = out.add_stream_from_template(opened.streams.video[0])
        for packet in opened.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    return path


def make_cut_video(path, share=0.75, frames=30):
    """An mp4 of noisy frames with its index first, the end of which is missing."""
    whole = path.with_name("whole.mp4")
    encode(path.with_name("source.mp4"), "libx264", frames=frames)
    remux(path.with_name("source.mp4"), whole, movflags="faststart")
    content = whole.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    whole.unlink()
    path.with_name("source.mp4").unlink()
    return path


def without_pictures(content):
    """The content of an mp4 whose index comes last, with zeros for its pictures."""
    start, end = content.index(b"mdat") + 4, content.rindex(b"moov") - 4
    return content[:start] + bytes(end - start) + content[end:]


def encode(path, codec, sound=None, frames=10, wh=(64, 48), pix_fmt="yuv420p"):
    """A video of noise at 25 frames a second, with a second of sound if a codec for it is named."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = *wh, pix_fmt
        tone = container.add_stream(sound, rate=44100, bit_rate=96_000) if sound else None
        for number in range(frames):
            noise = rng.integers(0, 255, (wh[1], wh[0], 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(noise, format="rgb24")
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if tone:
            resampler = av.AudioResampler(tone.format.name, layout="stereo", rate=44100)
            for start in range(0, 44100, 1050):
                wave = np.sin(np.arange(start, start + 1050) / 9).astype(np.float32)
                samples = av.AudioFrame.from_ndarray(
                    np.stack([wave, wave]), format="fltp", layout="stereo"
                )
                samples.sample_rate, samples.pts = 44100, start
                for part in resampler.resample(samples):
                    container.mux(tone.encode(part))
            container.mux(tone.encode())
    return path


def make_sound(path):
    """An mp4 with sound only."""
    with av.open(str(path), "w") as container:
        tone = container.add_stream("aac", rate=8000)
        samples = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        samples.sample_rate, samples.pts = 8000, 0
        container.mux(tone.encode(samples))
        container.mux(tone.encode())


def make_changing_video(path):
    """8 frames of 64x48 px, then 8 of 96x80."""
    content = b""
    for wh in ((64, 48), (96, 80)):
        content += encode(path.with_name("part.mpg"), "mpeg2video", frames=8, wh=wh).read_bytes()
    path.with_name("part.mpg").unlink()
    path.write_bytes(content)
    return path


def make_odd_folder(folder):
    """Over 40 files; returns the names of those that are to be done, done in part, and to fail."""
    good = {
        "a.jpg": image_bytes(".jpg"), "a.png": image_bytes(".png"), "A.JPG": image_bytes(".jpg"),
        "b.gif": image_bytes(".gif"), "b.avif": image_bytes(".avif"),
        "c.jfif": image_bytes(".jpg"), "d.webp": image_bytes(".webp"),
        "keypoints.jpg": image_bytes(".jpg"), "a[1].jpg": image_bytes(".jpg"),
        "new\nline.jpg": image_bytes(".jpg"), os.fsdecode(b"caf\xe9.jpg"): image_bytes(".jpg"),
        "grey, 16=bit ä.png": image_bytes(".png", PICTURE[..., 0].astype(np.uint16) * 257),
        "n" * 250 + ".jpg": image_bytes(".jpg"),
    }  # fmt: skip
    bad = {
        "one.png": image_bytes(".png", PICTURE[:1, :1]), "huge.png": png_header(60_000, 60_000),
        "wide.png": image_bytes(".png", np.zeros((20, 66_000, 3), np.uint8)),
        "broken.jpg": image_bytes(".jpg")[:200], "empty.jpg": b"", "text.jpg": b"text",
        "phone.heic": b"", "phone.jpg": b"\0\0\0\x18ftypheic" + bytes(99), "raw.cr2": b"",
        "letter.mp4": b"letter" * 99, "empty.mp4": b"",
    }  # fmt: skip
    ignored = ("notes.txt", "table.csv", "labels.json", "._a.jpg", ".DS_Store")
    for name, content in {**good, **bad, **dict.fromkeys(ignored, b"x")}.items():
        (folder / name).write_bytes(content)
    video = make_video(folder / "v.mp4")
    copies = ("v.mov", "v.overlay.mp4", "v.dlc.mp4", "keypoints.mp4", "12:30.mp4",
              os.fsdecode(b"v\xff.mp4"))  # fmt: skip
    for name in copies:
        shutil.copy(video, folder / name)
    (folder / "half.mp4").write_bytes(video.read_bytes()[:600])
    make_video(folder / "odd.mp4", wh=(65, 49))
    make_video(folder / "single.mp4", [0.0])
    turn(make_video(folder / "turned.mp4"))
    encode(folder / "w.wmv", "wmv2", "wmav2")
    encode(folder / "camera.avi", "mjpeg", "pcm_s16le", pix_fmt="yuvj420p")
    make_video(folder / "two.mp4", wh=(2, 2))
    make_sound(folder / "sound.mp4")
    make_cut_video(folder / "cut.mp4")
    make_changing_video(folder / "sizes.mpg")
    (folder / "folder.jpg").mkdir()
    for name in ("pipe.jpg", "pipe.mp4"):
        os.mkfifo(folder / name)
    (folder / "device.jpg").symlink_to("/dev/zero")
    (folder / "link.jpg").symlink_to("nowhere")
    done = {*good, *copies, "v.mp4", "odd.mp4", "single.mp4", "turned.mp4", "w.wmv", "camera.avi"}
    failed = {*bad, "half.mp4", "two.mp4", "sound.mp4", "folder.jpg", "pipe.jpg", "pipe.mp4",
              "device.jpg", "link.jpg"}  # fmt: skip
    return done, {"cut.mp4", "sizes.mpg"}, failed
