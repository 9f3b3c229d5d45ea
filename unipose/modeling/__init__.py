"""The networks in PyTorch: residual units, trunks, pose networks, and the files that hold their weights."""
