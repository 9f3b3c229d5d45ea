"""Small real video files, whose frames show their number and which way up they are."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def numbered(number: int, size_wh: tuple[int, int] = (64, 48)) -> np.ndarray:
    """A grey that brightens with the number, up to 69, with the top left quarter white."""
    width, height = size_wh
    image = np.full((height, width, 3), 20 + 3 * number % 210, np.uint8)
    image[: height // 2, : width // 2] = 255
    return image


def number_of(image: np.ndarray) -> int:
    """The number of a `numbered` image, also after compression."""
    return round((float(np.median(image[-8:, -8:])) - 20) / 3)


def write_video(
    path: Path, count: int = 20, rate: Fraction = Fraction(25), pts: list[int] | None = None,
    time_base: Fraction | None = None, rotation: int = 0, sound: bool = False, size_wh: tuple[int, int] = (64, 48),
    codec: str = "libx264", pix_fmt: str = "yuv420p", mirrored: bool = False, pixel_aspect: Fraction = Fraction(1),
    sound_codec: str = "aac", colours: dict[str, int] | None = None, container_options: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> Path:  # fmt: skip
    """A video of `numbered` frames. `pts` in units of `time_base` (default: constant rate); the sound is a tone."""
    with av.open(str(path), "w", container_options=container_options) as out:
        stream = out.add_stream(codec, rate=rate, options={"g": "10", **(options or {})})
        stream.width, stream.height, stream.pix_fmt = *size_wh, pix_fmt
        stream.codec_context.time_base = stream.time_base = time_base or 1 / rate
        stream.codec_context.sample_aspect_ratio = pixel_aspect
        for name, value in (colours or {}).items():
            setattr(stream.codec_context, name, value)
        if rotation or mirrored:
            stream.set_display_rotation(rotation, hflip=mirrored)
        tone = out.add_stream(sound_codec, rate=16_000, layout="mono") if sound else None
        for i in range(count):
            frame = av.VideoFrame.from_ndarray(numbered(i, size_wh), format="rgb24")
            frame.pts, frame.time_base = (pts[i] if pts else i), time_base or 1 / rate
            out.mux(stream.encode(frame))
        if tone:
            samples = np.sin(np.arange(int(16_000 * count / rate)) * 0.17).astype(np.float32)[None]
            form = tone.codec_context.format.name
            if form.startswith("s16"):
                samples = (samples * 20_000).astype(np.int16)
            audio = av.AudioFrame.from_ndarray(samples, format=form, layout="mono")
            audio.sample_rate, audio.pts = 16_000, 0
            out.mux(tone.encode(audio))
            out.mux(tone.encode(None))
        out.mux(stream.encode(None))
    return path


def packets_of(container: av.container.InputContainer) -> list[av.Packet]:
    return [packet for packet in container.demux(container.streams.video[0]) if packet.size]


def remuxed(path: Path, out_path: Path, shift: int = 0, video: slice = slice(None), **options) -> Path:
    """A video's packets copied as they are, some of them, later by `shift` of their ticks; without other streams."""
    with av.open(str(path)) as container, av.open(str(out_path), "w", **options) as out:
        stream = out.add_stream_from_template(container.streams.video[0])
        for packet in packets_of(container)[video]:
            packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
            out.mux(packet)
    return out_path


def repeated(path, frames, out_path):
    """Copies a video's packets over and over, until there are `frames` frames."""
    with av.open(str(out_path), "w") as out:
        stream, count, shift = None, 0, 0
        while count < frames:
            with av.open(str(path)) as container:
                source = container.streams.video[0]
                stream = stream or out.add_stream_from_template(source)
                for packet in container.demux(source):
                    if packet.dts is None or count == frames:
                        break
                    packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                    out.mux(packet)
                    count += 1
                shift += source.duration
    return out_path


def times(path: Path) -> list[float]:
    """The frames' timestamps in seconds."""
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


# Arguments FILE COUNT PAUSE: sends a file to COUNT clients, one after another, with a pause after every 4 KB.
SENDER = """
import socket, sys, time
data = open(sys.argv[1], "rb").read()
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
for turn in range(int(sys.argv[2])):
    client, _ = server.accept()
    client.recv(65536)
    client.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Type: video/mp2t\\r\\n\\r\\n")
    try:
        for start in range(0, len(data), 4096):
            client.sendall(data[start : start + 4096])
            time.sleep(float(sys.argv[3]))
    except OSError:
        pass
    client.close()
server.close()
"""
