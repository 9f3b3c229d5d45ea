"""The people of photos: python examples/photo.py photo.jpg ... -> photo.poses.jpg and the joints of everybody."""

import sys
from pathlib import Path

import unipose


def main(photos: list[str]) -> None:
    predictor = unipose.load()
    for result in predictor(photos):  # a Result for each photo
        print(result)
        for person, score in zip(result.keypoints, result.person_scores, strict=True):
            print(f"  a person, by {score:.0%} rightly:")
            for name, (x, y) in zip(result.names, person, strict=True):
                print(f"    {name:16}{x:8.1f}{y:8.1f}")
        result.save(Path(result.path).with_suffix(".poses.jpg"))


if __name__ == "__main__":
    main(sys.argv[1:])
