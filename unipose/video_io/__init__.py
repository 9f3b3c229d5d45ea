"""Video input and output: frames, audio, and threads that read and write in the background."""
