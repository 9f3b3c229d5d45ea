"""Labelled people: reading and writing COCO-keypoint JSON, and drawn sample sets."""
