"""UniPose: a photo in, joints out."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # from 1.29 on ONNX Runtime reports its use over the network

__version__ = "0.1.0"
