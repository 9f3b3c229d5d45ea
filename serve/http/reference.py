"""The reference at `/docs`: our own page, which draws `/openapi.json` and asks no other host for anything."""

from fastapi import FastAPI
from fastapi.responses import FileResponse

from serve.http.problems import DOCS
from serve.http.webpage import FOLDER, HEADERS


def add_reference(app: FastAPI) -> None:
    @app.get(DOCS, include_in_schema=False)
    async def reference() -> FileResponse:
        return FileResponse(FOLDER / "reference.html", headers=HEADERS)
