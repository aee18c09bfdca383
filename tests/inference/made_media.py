"""Videos made for tests: a bright square that moves right, frame by frame."""

import struct
from fractions import Fraction

import av
import numpy as np

TICKS = 1000


def make_video(path, times=(0.0, 0.04, 0.08), wh=(64, 48), sound=False):
    """An H.264 mp4 with a frame at each of ``times`` (s), and a tone if wanted."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = *wh, "yuv444p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
        tone = container.add_stream("aac", rate=8000) if sound else None
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(square(number, wh), format="rgb24")
            frame.pts, frame.time_base = round(time * TICKS), Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if tone:
            wave = (0.1 * np.sin(np.arange(8000) / 3)).astype(np.float32)
            for start in range(0, 8000, 1000):
                samples = av.AudioFrame.from_ndarray(
                    wave[None, start : start + 1000], format="fltp", layout="mono"
                )
                samples.sample_rate, samples.pts = 8000, start
                container.mux(tone.encode(samples))
            container.mux(tone.encode())
    return path


def square(number, wh):
    image = np.full((wh[1], wh[0], 3), 40, np.uint8)
    image[4:12, 4 + 4 * number : 12 + 4 * number] = 230
    return image


def turn(path):
    """Set the flag by which phones say: show this a quarter turn clockwise."""
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44
    one = 1 << 16
    content[matrix : matrix + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path
