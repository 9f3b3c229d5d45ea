"""Negotiation: what the Accept header asks for, an answer in JSON or a picture with the poses drawn."""

from starlette.datastructures import Headers

JSON = "application/json"
PICTURES = {"image/png": ".png", "image/jpeg": ".jpg"}
_RANGES = {"application/*": JSON, "*/*": JSON, "image/*": "image/png"}


def preferred(headers: Headers) -> str:
    """The best liked media type of those that there are; the first of several, and JSON where none is named."""
    best, quality = JSON, 0.0
    for part in ",".join(headers.getlist("accept")).split(","):
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        kind = _RANGES.get(name, name)
        liked = _quality(parameters)
        if (kind == JSON or kind in PICTURES) and liked > quality:
            best, quality = kind, liked
    return best


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
