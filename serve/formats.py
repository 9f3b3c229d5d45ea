"""Answers: poses in the format that a request asked for, validated against the schema."""

from fastapi import HTTPException
from pydantic import TypeAdapter

from serve.http.schemas import Answer
from serve.service import PoseResult
from unipose.core.model_spec import ModelSpec
from unipose.core.pose_formats import DOCUMENTS

_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)


def to_answer(result: PoseResult, name: str, spec: ModelSpec) -> Answer:
    """`name`: a row of `DOCUMENTS`. Raises HTTPException 422 for a skeleton that the format cannot hold."""
    try:
        document = DOCUMENTS[name](result.poses, (result.width, result.height), spec)
    except ValueError as error:
        raise HTTPException(422, f"format: {error}; ask for native or coco") from error
    return _ANSWER.validate_python(document)
