"""Stream: frames in, poses out over a WebSocket; a frame that a newer one overtakes is not answered."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect

from serve.http.errors import explain

Frame = tuple[int, bytes]


class Latest:
    """Holds one frame, the newest."""

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
    """Answer frames, counted from 0, until the client leaves: `answer`'s fields or "error", and "frame".

    Raises ValueError for a message that is no frame.
    """
    latest = Latest()

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
                said = await answer(data)
            except Exception as error:
                about, _ = explain(error)
                said = {"error": about.model_dump()}
            try:
                await socket.send_text(json.dumps({"frame": number, **said}))
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
        await asyncio.wait(tasks)  # not gather, which would forget who cancelled us
