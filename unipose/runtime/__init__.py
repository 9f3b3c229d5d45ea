"""Engines that run a model file: ONNX Runtime, OpenVINO, PyTorch."""
