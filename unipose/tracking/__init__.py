"""People in video: identities over frames, and smooth keypoints."""
