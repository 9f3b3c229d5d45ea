"""Audio: one file's audio streams copied into another, packet by packet and without decoding."""

import logging
from pathlib import Path
from typing import Any

import av

log = logging.getLogger(__name__)


class AudioCopier:
    """Copies the audio of `path` into `out`. Raises ValueError for a codec that `out`'s container format does not take.

    `origin`: seconds that are subtracted from the audio's timestamps.
    """

    def __init__(self, path: Path, origin: float, out: av.container.OutputContainer):
        self._path, self._origin, self._out = path, origin, out
        self._container = av.open(str(path))
        audio = self._container.streams.audio
        for stream in audio:
            if stream.codec_context.name not in out.supported_codecs:
                raise ValueError(
                    f"{stream.codec_context.name} sound, as {path} has it, does not fit into {out.format.name}: "
                    "write .mkv, or leave the sound out with --no-sound"
                )
        self._streams: dict[int, av.AudioStream] = {}
        self._packets = self._container.demux(*audio)
        self._waiting: av.Packet[Any] | None = None

    def add_streams(self) -> None:
        """Call once `out` has its video stream, which players expect first, and before `copy`."""
        audio = self._container.streams.audio
        self._streams = {stream.index: self._out.add_stream_from_template(stream) for stream in audio}

    def copy(self, until: float) -> None:
        """Copy the packets that begin at most `until` seconds after the start and have not been copied yet."""
        while (packet := self._waiting or self._next()) is not None:
            shift = round(self._origin / packet.time_base)
            assert packet.dts is not None  # `_next` skips those without
            if float((packet.dts - shift) * packet.time_base) > until:
                self._waiting = packet
                return
            self._waiting = None
            packet.pts, packet.dts = (packet.dts if packet.pts is None else packet.pts) - shift, packet.dts - shift
            packet.stream = self._streams[packet.stream.index]
            self._out.mux(packet)

    def close(self) -> None:
        self._container.close()

    def _next(self) -> "av.Packet[Any] | None":
        """The next packet with a timestamp; the last one of a file has none."""
        try:
            return next((packet for packet in self._packets if packet.dts is not None), None)
        except av.error.FFmpegError as error:  # the video, which matters more, goes on
            log.warning("the sound of %s ends here: %s", self._path, error.strerror)
            return None
