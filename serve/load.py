"""`python -m serve.load [settings of the service]`: how fast the service answers, beside the same work without it.

It starts the service itself, on this machine; everything is measured in turn over three rounds, so that a drifting
machine slows all alike, and each ratio is taken within a round.
"""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import process_time
from urllib.parse import quote

import cv2
import numpy as np

from serve import baseline
from serve.baseline import Apart, Subject
from serve.boxes import Boxes, parse_boxes
from serve.client import message
from serve.crowd import Crowd, Heard
from serve.process import Process, Usage, running
from unipose.image import read_image
from unipose.runtime import cores
from unipose.sample import draw_image

ROUNDS = 3
DRAWN_WH = (640, 480)
MOST_CLIENTS, MOST_SECONDS = 256, 60.0
P50_GOAL, RATE_GOAL = 1.2, 0.9
