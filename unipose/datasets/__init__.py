"""Labelled people: reading and writing COCO-keypoint JSON, and drawing synthetic sets."""
