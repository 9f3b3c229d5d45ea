"""Networks: residual units, trunks built from them, the pose network on top. Imports nothing of the project."""
