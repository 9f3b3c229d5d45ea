"""Answers: poses in the format that a request asked for, checked against the schema."""

from fastapi import HTTPException
from pydantic import TypeAdapter

from serve.http.schemas import Answer
from serve.service import Found
from unipose.core.model_spec import ModelSpec
from unipose.core.pose_formats import DOCUMENTS

_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)


def to_answer(found: Found, name: str, spec: ModelSpec) -> Answer:
    """`name`: a row of `DOCUMENTS`. Raises HTTPException 422 for a skeleton that has no such form."""
    try:
        document = DOCUMENTS[name](found.poses, (found.width, found.height), spec)
    except ValueError as error:
        raise HTTPException(422, f"format: {error}; ask for native or coco") from error
    return _ANSWER.validate_python(document)
