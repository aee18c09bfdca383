"""Audio tracks: copying the sound of a video to another file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from fidip.io.video import open_av, start_time

COPIED = ("aac", "mp3", "mp3float", "opus", "libopus", "flac")
"""Decoders of codecs that browsers play in an mp4."""
RATE = 48_000
"""Samples per second of re-encoded sound."""
PREROLL = 0.5
"""Time in s of copied packets before the first frame, which decoders need and players skip."""


class Sound:
    """First audio track of a file, as a track of an mp4 that is being written.

    Packets of codecs that browsers play in an mp4 are copied. Other codecs, such as the PCM of old
    cameras, are re-encoded as AAC. Times count from the first frame of the source, as those of
    ``fidip.io.video.Frame``; earlier sound is left out.

    Args:
        source: the file to read.
        container: the mp4; no packet may have been written yet.
    """

    def __init__(self, source: Path, container: OutputContainer) -> None:
        self._source, self._container = source, container
        self._stream: AudioStream | None = None
        with open_av(source) as opened:
            if not opened.streams.audio:
                return
            track = opened.streams.audio[0]
            if track.codec_context is None:
                return  # FFmpeg has no decoder for this codec
            self._is_copied = track.codec_context.name in COPIED
            if self._is_copied:
                self._stream = container.add_stream_from_template(track)
            else:
                self._stream = container.add_stream("aac", rate=RATE, layout="stereo")

    def write(self, end: float) -> None:
        """Write the sound up to ``end`` in s; damaged sound is written up to the damage."""
        if self._stream is None:
            return
        read = self._copied if self._is_copied else self._encoded
        with open_av(self._source) as opened:
            start = start_time(opened)
        with open_av(self._source) as opened:
            for packet in read(opened, self._stream, (start, start + end)):
                try:
                    self._container.mux(packet)
                except av.FFmpegError as error:
                    if isinstance(error, OSError):
                        raise  # the disk failed; the sound is not damaged
                    return

    def _copied(
        self, opened: InputContainer, stream: AudioStream, between: tuple[float, float]
    ) -> Iterator[Packet[AudioStream]]:
        start, end = between
        with suppress(av.FFmpegError):
            for packet in opened.demux(opened.streams.audio[0]):
                if packet.pts is None or packet.time_base is None:
                    continue  # the empty packet at the end
                if start - PREROLL <= packet.pts * packet.time_base <= end:
                    ticks = round(start / packet.time_base)
                    packet.pts -= ticks
                    packet.dts = None if packet.dts is None else packet.dts - ticks
                    packet.stream = stream
                    yield packet

    def _encoded(
        self, opened: InputContainer, stream: AudioStream, between: tuple[float, float]
    ) -> Iterator[Packet[AudioStream]]:
        start, end = between
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
        with suppress(av.FFmpegError):
            for frame in opened.decode(opened.streams.audio[0]):
                if frame.pts is not None and frame.time_base is not None:
                    time = float(frame.pts * frame.time_base)
                    if time > end:
                        break
                    if time + frame.samples / frame.sample_rate <= start:
                        continue
                    frame.pts -= round(start / frame.time_base)
                for part in resampler.resample(frame):
                    yield from stream.encode(part)
        yield from stream.encode(None)
