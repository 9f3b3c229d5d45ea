"""Networks in PyTorch: residual units, trunks, the pose network, and their files."""
