"""A typed client of the service that needs the standard library alone: `python examples/client.py photo.jpg`."""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Person:
    score: float
    box_xyxy: tuple[float, float, float, float]
    keypoints: dict[str, tuple[float, float, float]]  # by name: x, y and score


@dataclass(frozen=True)
class Client:
    address: str = "http://127.0.0.1:8000"
    key: str = ""
    seconds: float = 30.0

    def people(self, image: bytes, **options: object) -> list[Person]:
        """`options`: those of `POST /pose`, such as max_people=3 or boxes=[[90, 20, 290, 200]]. Raises OSError."""
        poses = json.loads(self.ask(image, "application/json", options))["poses"]
        return [
            Person(
                pose["score"], tuple(pose["box"]), {k["name"]: (k["x"], k["y"], k["score"]) for k in pose["keypoints"]}
            )
            for pose in poses
        ]

    def drawn(self, image: bytes, **options: object) -> bytes:
        """The image with the poses drawn into it, as a JPEG file. Raises OSError."""
        return self.ask(image, "image/jpeg", options)

    def ask(self, image: bytes, accept: str, options: dict[str, Any], tries: int = 3) -> bytes:
        query = urllib.parse.urlencode(options)
        headers = {"Accept": accept, "Content-Type": "application/octet-stream"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(f"{self.address}/pose?{query}", image, headers)
        try:
            with urllib.request.urlopen(request, timeout=self.seconds) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                problem = json.loads(error.read())
            if tries > 1 and "Retry-After" in error.headers:  # busy, or about to be ready
                time.sleep(float(error.headers["Retry-After"]))
                return self.ask(image, accept, options, tries - 1)
            raise OSError(f"{problem['title']}: {problem['detail']}") from error


if __name__ == "__main__":
    for person in Client().people(Path(sys.argv[1]).read_bytes()):
        print(f"{person.score:.2f}", person.keypoints)
