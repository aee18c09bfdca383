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


def make_flash_and_beep(path, sound, video_from=0.0, sound_from=0.0):
    """A video up to 4 s, with a white frame at 3 s and a beep at the same time.

    Both tracks begin at their own time in s.
    """
    rate, beep = 48_000, (3.0, 3.1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        tone = container.add_stream(sound, rate=rate, layout="mono")
        for number in range(round(video_from * 25), 100):
            shade = 250 if number == 75 else 20
            image = np.full((48, 64, 3), shade, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        resampler = av.AudioResampler(tone.format.name, layout="mono", rate=rate)
        for start in range(round(sound_from * rate), 4 * rate, 1000):
            times = np.arange(start, start + 1000) / rate
            wave = np.sin(6000 * times) * ((times >= beep[0]) & (times < beep[1]))
            samples = av.AudioFrame.from_ndarray(
                wave[None].astype(np.float32), format="fltp", layout="mono"
            )
            samples.sample_rate, samples.pts, samples.time_base = rate, start, Fraction(1, rate)
            for part in resampler.resample(samples):
                container.mux(tone.encode(part))
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
