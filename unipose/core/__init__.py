"""Poses in numpy: skeletons, geometry, heatmaps, images, metrics. Needs no torch."""
