"""`unipose video` on pictures that show nobody, and what it writes."""

import json

from unipose.video import main

ANYBODY = ["--detector", "whole", "--min-score", "0"]  # of pictures that show nobody


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def run(source, outputs, *options):
    return main([str(source), "-o", str(outputs[0]), "--json", str(outputs[1]), *ANYBODY, *options])
