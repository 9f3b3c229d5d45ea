"""Speed: of training, of inference, and of published architectures beside ours."""
