"""Decoding: the frames of a video file in order, with what was wrong with it told after the last one."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import Any, cast

import av

from unipose.video_io.container import frame_rate, open_container, read_in_one_go, seconds, start_of, stream_timeline
from unipose.video_io.display import orientation, pixels
from unipose.video_io.video import Frame, IncompleteVideo

log = logging.getLogger(__name__)

_MOST_FAILURES = 100  # of reading, one after another, before a file is given up
_HDR = {16: "PQ", 18: "HLG"}  # transfer characteristics (ITU-T H.273, table 3)


def frames_of(stream: av.VideoStream, source: str) -> Iterator[Frame]:
    """Every frame of a stream of an opened file. Raises IncompleteVideo after the last that can be decoded.

    Decoders that work on several frames at once lose intact ones beside a damaged one: where there is damage, a decoder
    that takes one after another goes through the file again, and on from there.
    """
    decoding, number = Decoding(stream, source, "AUTO"), 0
    for frame in decoding:
        yield frame
        number += 1
    fault = decoding.fault()
    if decoding.doubtful:
        with open_container(source) as again:
            decoding = Decoding(again.streams.video[stream.container.streams.video.index(stream)], source, "SLICE")
            yield from islice(decoding, number, None)
            fault = decoding.fault()
    if fault:
        raise IncompleteVideo(fault)


class Decoding:
    """One pass through a file. `threads`: "AUTO", which stops at the first sign of damage, or "SLICE"."""

    def __init__(self, stream: av.VideoStream, source: str, threads: str):
        self._stream, self._source, self._careful = stream, source, threads == "SLICE"
        self._stream.thread_type = threads
        self._container = cast(av.container.InputContainer, stream.container)
        self._timed = (self._stream, *self._container.streams.audio)
        self._end = min(0.0, start_of(self._container))  # of the last packet of any stream, in seconds
        self._begun = self._end
        self._lengths: dict[int, float] = {}  # of each stream's longest frame, in seconds
        self._frames = self._damaged = 0
        self._reason = ""  # why it cannot be read further
        self._newest_packet = self._newest_frame = -1
        self.doubtful = False
        """Whether another pass may find more frames."""

    def __iter__(self) -> Iterator[Frame]:
        stream, timeline = self._stream, stream_timeline(self._container, self._stream)
        assert stream.time_base is not None
        unit = stream.time_base
        step, aspect = max(1, round(1 / (frame_rate(stream) * unit))), stream.sample_aspect_ratio or Fraction(1)
        # An AVI has no pts: FFmpeg makes them up, out of order where frames are. Frames come out late, but evenly.
        by_dts, delay = self._container.format.name == "avi", None
        last = None
        for frame in self._decoded():
            if frame.pts is not None:
                self._newest_frame = max(self._newest_frame, frame.pts)
            stamp = frame.dts if by_dts or frame.pts is None else frame.pts
            if by_dts and stamp is not None:
                delay = stamp - (stream.start_time or 0) if delay is None else delay
                stamp -= delay
            pts = timeline.place(stamp, frame.duration or step)
            if last is not None:
                self._measure(stream, float((pts - last) * unit))
            elif frame.color_trc in _HDR:
                log.warning(
                    "%s is HDR (%s): its colours are taken as they are, and look pale",
                    self._source,
                    _HDR[frame.color_trc],
                )
            turned = orientation(frame) >= 5
            yield Frame(pixels(frame), self._frames, pts, float(pts * unit), 1 / aspect if turned else aspect)
            self._frames, last = self._frames + 1, pts
            self._damaged += frame.is_corrupt

    def _decoded(self) -> Iterator[av.VideoFrame]:
        for packet in self._packets():
            self._note(packet)
            if packet.stream is not self._stream:
                continue
            try:
                frames = packet.decode()
            except av.error.FFmpegError:  # the decoder goes on with the next one
                self._damaged += 1
                if not self._careful:
                    self.doubtful = True
                    return
                continue
            yield from frames
        self.doubtful = not self._careful and self._newest_frame < self._newest_packet

    def _packets(self) -> Iterator["av.Packet[Any]"]:
        """All packets, and one that makes the decoder give its last frames."""
        for _ in range(_MOST_FAILURES):
            try:
                yield from self._container.demux(*self._timed, *self._container.streams.subtitles)
                return
            except av.error.InvalidDataError:  # what follows may be readable
                self._damaged += 1
            except av.error.FFmpegError as error:
                self._reason = error.strerror or type(error).__name__
                break
        last = av.Packet()
        last.stream = self._stream
        yield last

    def _note(self, packet: "av.Packet[Any]") -> None:
        """Where the file has come to."""
        if packet.pts is None or not packet.size:
            return
        self._end = max(self._end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet.stream in self._timed:
            self._measure(packet.stream, float((packet.duration or 0) * packet.time_base))
        if packet.stream is not self._stream:
            self._damaged += packet.is_corrupt
        elif not packet.is_discard:
            self._newest_packet = max(self._newest_packet, packet.pts)

    def _measure(self, stream: Any, length: float) -> None:
        self._lengths[stream.index] = max(self._lengths.get(stream.index, 0), length)

    def fault(self) -> str:
        """What is wrong with the file, or nothing; to be asked after the last frame.

        It breaks off where the last packets of all streams end by more than a frame of each before what it says. That
        counts from 0, as in some containers its length does, unless it begins before.
        """
        if not self._frames:
            return self._reason or "it has no frame that can be decoded"
        if self._reason:
            return f"it cannot be read further than frame {self._frames}: {self._reason}"
        faults = [f"{self._damaged} damaged piece{'s' * (self._damaged > 1)} in it"] if self._damaged else []
        if read_in_one_go(self._container):
            faults.append("its end is damaged")
        own = [float(s.duration * s.time_base) if s.duration and s.time_base else 0 for s in self._timed]
        stated = max(own) if all(own) else seconds(self._container)
        if self._container.format.name == "avi":  # of which FFmpeg guesses the length where the index is missing
            stated = max(stated, float(self._stream.frames / frame_rate(self._stream)))
        end = self._end - self._begun
        if stated - end > sum(self._lengths.values()) + 0.001:  # containers round to milliseconds
            faults.append(f"it breaks off after {end:.1f} of {stated:.1f} s")
        return " and ".join(faults)
