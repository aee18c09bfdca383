"""Bad photographs and videos, by themselves and among good ones, with odd names."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import cv2
import numpy as np

from .case import BAD, OK, SOME_FAILED, Box, Case, expected
from .checkpoints import flipped
from .stage import Stage, write_video

FAST = ("save=[coco,csv]", "rotations=[0]", "flip_test=false", "runtime=torch", "out=out")


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        suffix: of its name.
        make: its content.
        statuses: exit statuses of a command that reads this one file.
    """

    suffix: str
    make: Callable[[Random, Box, Stage], bytes]
    statuses: frozenset[int] = frozenset({BAD})


FOUND = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".png",
        ".bmp",
        ".webp",
        ".tif",
        ".mp4",
        ".mov",
        ".avi",
        ".mkv",
        ".mpg",
        ".webm",
    }
)
"""Kinds of files that a folder is searched for."""
EITHER = frozenset({OK, BAD})
IN_PART = frozenset({SOME_FAILED})
GOOD = frozenset({OK})


def draw_photo(rng: Random, box: Box, stage: Stage) -> Case:
    """One bad photograph by its name."""
    return _one(rng, box, stage, PHOTOS)


def draw_video(rng: Random, box: Box, stage: Stage) -> Case:
    """One bad video by its name."""
    return _one(rng, box, stage, VIDEOS)


def draw_folder(rng: Random, box: Box, stage: Stage) -> Case:
    """Good files and bad ones in a folder: the bad ones cost only themselves."""
    photo = stage.photo.read_bytes()
    for number in range(2):
        box.file(f"in/good{number}.jpg", photo)
    surely = {
        name: kind
        for name, kind in {**PHOTOS, **VIDEOS}.items()
        if kind.statuses == frozenset({BAD}) and kind.suffix in FOUND
    }
    names = rng.sample(list(surely), rng.randrange(4, 10))
    files = []
    for number, name in enumerate(names):
        files.append(f"bad{number}{surely[name].suffix}")
        box.file(f"in/{files[-1]}", surely[name].make(rng, box, stage))
    problems = tuple((file,) for file in files)
    title = f"good photographs and {', '.join(names)}"
    arguments = ["source=in", f"ckpt={stage.run}", *FAST]
    return Case(title, "predict", arguments, problems, frozenset({SOME_FAILED}))


def draw_name(rng: Random, box: Box, stage: Stage) -> Case:
    """A good photograph with an odd name, found in its folder."""
    name = rng.choice(NAMES)
    raw = os.fsencode(name)
    (box.work / "in").mkdir()
    with open(os.fsencode(box.work) + b"/in/" + raw, "wb") as file:
        file.write(stage.photo.read_bytes())
    arguments = [
        "source=in",
        f"ckpt={stage.run}",
        *FAST,
        f"save=[{rng.choice(['coco', 'csv', 'overlay', 'overlay,csv'])}]",
    ]
    return Case(f"name {name[:30]!r}", "predict", arguments, (), GOOD)


def draw_quoted_name(rng: Random, box: Box, stage: Stage) -> Case:
    """A good photograph with an odd name, given in Hydra's quotes."""
    name = rng.choice(
        [
            name
            for name in NAMES
            if "'" not in name and "\\" not in name and "\udcff" not in name and "$" not in name
        ]
    )
    box.file(f"in/{name}", stage.photo.read_bytes())
    arguments = [f"source='in/{name}'", f"ckpt={stage.run}", *FAST]
    return Case(f"quoted name {name[:30]!r}", "predict", arguments, (), GOOD)


def draw_odd_entry(rng: Random, box: Box, stage: Stage) -> Case:
    """A folder that holds something with a photograph's name which is none, beside a good one."""
    kind = rng.choice(list(ENTRIES))
    box.file("in/good.jpg", stage.photo.read_bytes())
    ENTRIES[kind](box)
    arguments = ["source=in", f"ckpt={stage.run}", *FAST]
    return Case(
        f"{kind} in a folder", "predict", arguments, expected("bad"), frozenset({SOME_FAILED})
    )


def draw_training_image(rng: Random, box: Box, stage: Stage) -> Case:
    """A bad photograph in a data set."""
    surely = [
        name
        for name, kind in PHOTOS.items()
        if kind.statuses == frozenset({BAD}) and kind.suffix in FOUND
    ]
    name = rng.choice(surely)
    root = box.copy(stage.data, "in")
    box.file("in/images/validate_infant/test0.jpg", PHOTOS[name].make(rng, box, stage))
    command = rng.choice(["check", "evaluate"])
    arguments = [f"data.root={root}"] + (
        [f"ckpt={stage.run}", "out=out"] if command == "evaluate" else []
    )
    words = ("test0.jpg", str(root))
    return Case(f"{name} in a data set, {command}", command, arguments, expected(*words))


def draw_good(rng: Random, box: Box, stage: Stage) -> Case:
    """A photograph or a video that is right, if rare."""
    good = {name: kind for name, kind in {**PHOTOS, **VIDEOS}.items() if kind.statuses == GOOD}
    return _one(rng, box, stage, good)


def _one(rng: Random, box: Box, stage: Stage, kinds: dict[str, Kind]) -> Case:
    name = rng.choice(list(kinds))
    kind = kinds[name]
    suffix = rng.choice([kind.suffix, kind.suffix.upper()])
    box.file(f"in/file{suffix}", kind.make(rng, box, stage))
    arguments = [f"source=in/file{suffix}", f"ckpt={stage.run}", *FAST]
    problems = () if kind.statuses == GOOD else expected(f"file{suffix}")
    # a broken video keeps the frames before
    return Case(name, "predict", arguments, problems, kind.statuses, is_late=True)


def _photo(encode: str, *parameters: int) -> Callable[[Random, Box, Stage], bytes]:
    def make(rng: Random, box: Box, stage: Stage) -> bytes:
        image = cv2.imread(str(stage.photo))
        return cv2.imencode(encode, image, list(parameters))[1].tobytes()

    return make


def _array(
    width: int, height: int, channels: int = 3, dtype: str = "uint8", encode: str = ".png"
) -> Callable[[Random, Box, Stage], bytes]:
    """A picture of one colour."""

    def make(rng: Random, box: Box, stage: Stage) -> bytes:
        image = np.full((height, width, channels), 90, dtype)
        return cv2.imencode(encode, image)[1].tobytes()

    return make


def _cut(make: Callable[[Random, Box, Stage], bytes], low: float = 0.02, high: float = 0.9):
    def cut(rng: Random, box: Box, stage: Stage) -> bytes:
        data = make(rng, box, stage)
        return data[: max(1, int(len(data) * rng.uniform(low, high)))]

    return cut


def _constant(data: bytes) -> Callable[[Random, Box, Stage], bytes]:
    return lambda rng, box, stage: data


def _flipped(make: Callable[[Random, Box, Stage], bytes]) -> Callable[[Random, Box, Stage], bytes]:
    return lambda rng, box, stage: flipped(make(rng, box, stage), rng)


def _png_of(width: int, height: int) -> bytes:
    """A PNG whose header has a size, and that holds nearly nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def _bmp_of(width: int, height: int) -> bytes:
    body = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 100, 0, 0, 54) + body + bytes(100)


def _jpeg_of(width: int, height: int) -> Callable[[Random, Box, Stage], bytes]:
    """The photograph with another size in its header."""

    def make(rng: Random, box: Box, stage: Stage) -> bytes:
        data = bytearray(stage.photo.read_bytes())
        start = data.index(b"\xff\xc0")
        data[start + 5 : start + 9] = struct.pack(">HH", height, width)
        return bytes(data)

    return make


def _gif() -> bytes:
    return (
        b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00"
        b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
    )


JPEG, PNG = _photo(".jpg"), _photo(".png")
TEXT = b"this is no picture\n" * 20

PHOTOS: dict[str, Kind] = {
    "empty .jpg": Kind(".jpg", _constant(b"")),
    "text .jpg": Kind(".jpg", _constant(TEXT)),
    "text .png": Kind(".png", _constant(TEXT)),
    "text .webp": Kind(".webp", _constant(TEXT)),
    "text .tif": Kind(".tif", _constant(TEXT)),
    "a web page .jpg": Kind(".jpg", _constant(b"<!doctype html><html></html>")),
    "zeros .bmp": Kind(".bmp", _constant(bytes(5000))),
    "random bytes .jpeg": Kind(".jpeg", lambda rng, box, stage: rng.randbytes(3000)),
    "cut .png": Kind(".png", _cut(PNG, 0.02, 0.5), EITHER),
    "cut .jpg": Kind(".jpg", _cut(JPEG, 0.3, 0.9), EITHER),
    "cut header .jpg": Kind(".jpg", _cut(JPEG, 0.001, 0.02)),
    "cut .webp": Kind(".webp", _cut(_photo(".webp"), 0.02, 0.5), EITHER),
    "cut .tif": Kind(".tif", _cut(_photo(".tif"), 0.02, 0.5), EITHER),
    "cut .bmp": Kind(".bmp", _cut(_photo(".bmp"), 0.02, 0.5), EITHER),
    "flipped .jpg": Kind(".jpg", _flipped(JPEG), EITHER),
    "flipped .png": Kind(".png", _flipped(PNG), EITHER),
    "60000x60000 .png": Kind(".png", _constant(_png_of(60000, 60000))),
    "2^31 .png": Kind(".png", _constant(_png_of(2**31 - 1, 2**31 - 1))),
    "30000x30000 .png": Kind(".png", _constant(_png_of(30000, 30000))),
    "0x0 .png": Kind(".png", _constant(_png_of(0, 0))),
    "60000x60000 .bmp": Kind(".bmp", _constant(_bmp_of(60000, 60000))),
    "-5x-5 .bmp": Kind(".bmp", _constant(_bmp_of(-5, -5))),
    "65000x65000 .jpg": Kind(".jpg", _jpeg_of(65000, 65000)),
    "0x0 .jpg": Kind(".jpg", _jpeg_of(0, 0)),
    "a video .jpg": Kind(".jpg", lambda rng, box, stage: stage.video.read_bytes()),
    # of these sizes nothing can be said of a person, but they are pictures
    "1x1 .png": Kind(".png", _array(1, 1), EITHER),
    "1x1 .jpg": Kind(".jpg", _array(1, 1, encode=".jpg"), EITHER),
    "2x3 .png": Kind(".png", _array(2, 3), EITHER),
    "1x500 .png": Kind(".png", _array(1, 500), EITHER),
    "5000x2 .png": Kind(".png", _array(5000, 2), EITHER),
    "GIF .jpg": Kind(".jpg", _constant(_gif()), EITHER),
    "text .heic": Kind(".heic", _constant(TEXT)),
    "text .pdf": Kind(".pdf", _constant(b"%PDF-1.4\n" + TEXT)),
    "text .svg": Kind(".svg", _constant(b"<svg xmlns='http://www.w3.org/2000/svg'/>")),
    "text .dcm": Kind(".dcm", _constant(bytes(128) + b"DICM" + TEXT)),
    "text .txt": Kind(".txt", _constant(TEXT)),
    "text .jfif": Kind(".jfif", _constant(TEXT)),
    "text .avif": Kind(".avif", _constant(TEXT)),
    "text .gif": Kind(".gif", _constant(TEXT)),
    "a GIF": Kind(".gif", _constant(_gif()), EITHER),
    "good .png": Kind(".png", PNG, GOOD),
    "good .webp": Kind(".webp", _photo(".webp"), GOOD),
    "good .tif": Kind(".tif", _photo(".tif"), GOOD),
    "good .bmp": Kind(".bmp", _photo(".bmp"), GOOD),
    "a .png named .jpg": Kind(".jpg", PNG, GOOD),
    "grey .png": Kind(".png", _array(60, 80, 1), GOOD),
    "alpha .png": Kind(".png", _array(60, 80, 4), GOOD),
    "16 bits .png": Kind(".png", _array(60, 80, 3, "uint16"), GOOD),
    "odd size .png": Kind(".png", _array(61, 83), GOOD),
    "floats .tif": Kind(".tif", _array(60, 80, 3, "float32", ".tif"), EITHER),
}  # fmt: skip


def _video(
    frames: int, wh: tuple[int, int], index_first: bool = False
) -> Callable[[Random, Box, Stage], bytes]:
    def make(rng: Random, box: Box, stage: Stage) -> bytes:
        path = box.work / "made.mp4"
        write_video(path, frames, wh, index_first)
        data = path.read_bytes()
        path.unlink()
        return data

    return make


def _whole(rng: Random, box: Box, stage: Stage) -> bytes:
    return stage.video.read_bytes()


def _without_pictures(rng: Random, box: Box, stage: Stage) -> bytes:
    """The index of a video, and noise for its pictures."""
    data = bytearray(stage.video.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = rng.randbytes(end - start)
    return bytes(data)


def _wav() -> bytes:
    sound = bytes(2000)
    head = struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", len(sound))
    return b"RIFF" + struct.pack("<I", 4 + len(head) + len(sound)) + b"WAVE" + head + sound


VIDEOS: dict[str, Kind] = {
    "empty .mp4": Kind(".mp4", _constant(b"")),
    "text .mp4": Kind(".mp4", _constant(TEXT)),
    "text .avi": Kind(".avi", _constant(TEXT)),
    "text .mkv": Kind(".mkv", _constant(TEXT)),
    "zeros .mov": Kind(".mov", _constant(bytes(20_000))),
    "random bytes .mpg": Kind(".mpg", lambda rng, box, stage: rng.randbytes(3000)),
    "random bytes .webm": Kind(".webm", lambda rng, box, stage: rng.randbytes(3000)),
    "cut, index last .mp4": Kind(".mp4", _cut(_whole, 0.02, 0.6)),
    "cut, index first .mp4": Kind(".mp4", _cut(_video(30, (64, 48), True), 0.5, 0.9), IN_PART),
    "header only .mp4": Kind(".mp4", lambda rng, box, stage: stage.video.read_bytes()[:40]),
    "noise for pictures .mp4": Kind(".mp4", _without_pictures),
    "sound .mp4": Kind(".mp4", _constant(_wav())),
    "sound .avi": Kind(".avi", _constant(_wav())),
    "flipped .mp4": Kind(".mp4", _flipped(_whole), EITHER),
    "a photograph .mp4": Kind(".mp4", JPEG, EITHER),
    "a GIF .mp4": Kind(".mp4", _constant(_gif()), EITHER),
    "2x2 .mp4": Kind(".mp4", _video(3, (2, 2)), EITHER),
    "good .mp4": Kind(".mp4", _whole, GOOD),
    "index first .mp4": Kind(".mp4", _video(5, (64, 48), True), GOOD),
    "odd size .mp4": Kind(".mp4", _video(3, (65, 33)), GOOD),
    "one frame .mp4": Kind(".mp4", _video(1, (64, 48)), GOOD),
    "an .mp4 named .mkv": Kind(".mkv", _whole, GOOD),
}

NAMES = (
    "my baby.jpg", "b\u00e9b\u00e9.jpg", "\u8d64\u3061\u3083\u3093.jpg", "\U0001f476.jpg",
    "a(b).jpg", "a,b.jpg",
    "a=b.jpg", "a[b].jpg", "a{b}.jpg", "a'b.jpg", 'a"b.jpg', "a\\b.jpg", "-a.jpg", "--out.jpg",
    "a.jpg.jpg", "a%d.jpg", "a{}.jpg", "%s%n.jpg", "a\nb.jpg", "a\tb.jpg", " a.jpg", "a .jpg",
    "$HOME.jpg",
    "${x}.jpg", "*.jpg", "a;b.jpg", "a&b.jpg", "a|b.jpg", "<b>.jpg", "\udcff\udcfe.jpg",
    "x" * 240 + ".jpg",
    "\u00fc" * 110 + ".jpg", "keypoints.jpg", "overlays.jpg", "CON.jpg", "\u202egpj.exe.jpg",
    "~.jpg", "#a.jpg",
    "a:b.jpg", "@a.jpg", "null.jpg", "1.jpg", "true.jpg", "a+b.jpg", "a`b`.jpg", "e\u0301.jpg",
)  # fmt: skip
"""Names that files may have; all of these are to be worked on."""


def _make_fifo(box: Box) -> None:
    os.mkfifo(box.work / "in" / "bad.jpg")


ENTRIES: dict[str, Callable[[Box], object]] = {
    "a folder named .jpg": lambda box: (box.work / "in" / "bad.jpg").mkdir(),
    "a folder named .mp4": lambda box: (box.work / "in" / "bad.mp4").mkdir(),
    "a link to nothing": lambda box: (box.work / "in" / "bad.jpg").symlink_to("nothing"),
    "a link to itself": lambda box: (box.work / "in" / "bad.png").symlink_to("bad.png"),
    "a link to a folder": lambda box: (box.work / "in" / "bad.png").symlink_to("."),
    "a link to /dev/zero": lambda box: (box.work / "in" / "bad.jpg").symlink_to("/dev/zero"),
    "a pipe .jpg": _make_fifo,
    "a pipe .mp4": lambda box: os.mkfifo(box.work / "in" / "bad.mp4"),
}
"""What lies in folders beside files."""
