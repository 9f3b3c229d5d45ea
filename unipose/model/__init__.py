"""Networks: residual units, trunks built from them, the pose network on top. Needs torch and nothing else."""
