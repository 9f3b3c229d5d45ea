"""Pose stream over a WebSocket: images in, poses out. A frame that waits is replaced by a newer one."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect

from serve.http.errors import explain

Frame = tuple[int, bytes]


class LatestFrame:
    """A queue of one: a new frame replaces the one that waits."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._changed = asyncio.Event()

    def put(self, frame: Frame) -> None:
        self._frame = frame
        self._changed.set()

    async def get(self) -> Frame:
        await self._changed.wait()
        self._changed.clear()
        assert self._frame is not None
        return self._frame


async def run_stream(socket: WebSocket, answer: Callable[[bytes], Awaitable[dict[str, Any]]]) -> None:
    """Answer frames until the client disconnects. A message is the number of its frame, counted from 0, as "frame", and
    the fields of `answer`, or a problem as "error". Raises ValueError for a message that is not a frame.
    """
    latest = LatestFrame()

    async def read() -> None:
        number = 0
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("bytes") is None:
                raise ValueError("a frame is one binary message: the bytes of an image file")
            latest.put((number, message["bytes"]))
            number += 1

    async def write() -> None:
        while True:
            number, data = await latest.get()
            try:
                fields = await answer(data)
            except Exception as error:
                details, _ = explain(error)
                fields = {"error": details.model_dump()}
            try:
                await socket.send_text(json.dumps({"frame": number, **fields}))
            except WebSocketDisconnect:
                return

    tasks = [asyncio.create_task(read()), asyncio.create_task(write())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)  # `gather` would raise their cancellation instead of ours
