"""Who raises a hand in a video: python examples/video.py match.mp4. Needs pip install '.[video]'."""

import sys

import unipose
from unipose.video_io.reader import open_video


def main(path: str) -> None:
    predictor = unipose.load()
    tracker = unipose.PoseTracker(predictor)
    names = predictor.spec.skeleton.keypoints
    wrist, shoulder = names.index("right_wrist"), names.index("right_shoulder")
    raised: set[int] = set()
    with open_video(path) as video:
        for frame in video.frames:
            for pose in tracker.update(frame.image, frame.time):
                up = pose.xy_image[wrist, 1] < pose.xy_image[shoulder, 1]  # y grows downwards
                if up and pose.track_id not in raised:
                    print(f"{frame.time:7.2f} s: person {pose.track_id} raises the right hand")
                (raised.add if up else raised.discard)(pose.track_id)


if __name__ == "__main__":
    main(sys.argv[1])
