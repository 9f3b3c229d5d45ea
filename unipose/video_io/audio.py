"""Audio: one file's audio streams copied into another, packet by packet and without decoding."""

import io
import logging
from pathlib import Path
from typing import Any

import av

from unipose.video_io.container import open_container, stream_timeline

log = logging.getLogger(__name__)


class AudioCopier:
    """Copies the audio of `path` into `out`, timed from the file's start. What `out` cannot hold is left out, with a
    warning: the video matters more.
    """

    def __init__(self, path: Path, out: av.container.OutputContainer):
        self._path, self._out = path, out
        self._container = open_container(str(path))
        self._audio = [stream for stream in self._container.streams.audio if self._fits(stream)]
        self._streams: dict[int, av.AudioStream] = {}
        self._timelines = {stream.index: stream_timeline(self._container, stream) for stream in self._audio}
        self._packets = self._container.demux(*self._audio) if self._audio else iter(())
        self._waiting: av.Packet[Any] | None = None

    def _fits(self, stream: av.AudioStream) -> bool:
        """Whether `out`'s format can hold a stream's codec, found by writing the head of a file."""
        why = ""
        if stream.codec_context is None:
            why = "its codec is unknown"
        else:
            try:
                with av.open(io.BytesIO(), "w", format=self._out.format.name) as trial:
                    trial.add_stream_from_template(stream)
                    trial.start_encoding()
            except (av.error.FFmpegError, ValueError):
                why = f"{stream.codec_context.codec.canonical_name} does not fit into {self._out.format.name}"
                why += "" if self._out.format.name == "matroska" else "; .mkv holds more"
        if why:
            log.warning("%s: its sound is left out: %s", self._path, why)
        return not why

    def add_streams(self) -> None:
        """Call once `out` has its video stream, which players expect first, and before `copy`."""
        self._streams = {stream.index: self._out.add_stream_from_template(stream) for stream in self._audio}

    def copy(self, until: float) -> None:
        """Copy the packets that begin at most `until` seconds after the start and have not been copied yet."""
        while (packet := self._waiting or self._next()) is not None:
            assert packet.dts is not None  # `_next` places it
            if float(packet.dts * packet.time_base) > until:
                self._waiting = packet
                return
            self._waiting = None
            packet.stream = self._streams[packet.stream.index]
            try:
                self._out.mux(packet)
            except (av.error.InvalidDataError, av.error.ArgumentError) as error:  # not where the disk is full
                self._end(error)

    def close(self) -> None:
        self._container.close()

    def _next(self) -> "av.Packet[Any] | None":
        """The next packet, on the timeline of its stream; the last of a file are empty."""
        try:
            packet = next((packet for packet in self._packets if packet.size), None)
        except av.error.FFmpegError as error:
            self._end(error)
            return None
        if packet:
            ahead = 0 if packet.pts is None or packet.dts is None else packet.pts - packet.dts
            packet.dts = self._timelines[packet.stream.index].place(packet.dts, packet.duration or 0)
            packet.pts = packet.dts + ahead
        return packet

    def _end(self, error: av.error.FFmpegError) -> None:
        log.warning("%s: its sound ends here: %s", self._path, error.strerror)
        self._packets = iter(())
