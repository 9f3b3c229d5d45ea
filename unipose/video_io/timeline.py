"""Timeline: a stream's timestamps, which may be missing, repeat or jump, as times that always go on."""

LONGEST_PAUSE = 10.0  # seconds; in a container whose clock may be set anew, a longer one is taken for such a jump


class Timeline:
    """Places one stream's frames or packets one after another, in ticks of its time base from `origin` on.

    A timestamp that goes back a little is moved behind the last one. Where the clock jumps back, or ahead by more than
    `longest_pause`, the next follows the last one, and those after it keep their distances: so it is where files were
    joined, a recorder started anew, or a counter began at 0 again.
    """

    def __init__(self, origin: int, longest_pause: int | None = None):
        self._shift, self._longest_pause = -origin, longest_pause
        self._last: int | None = None
        self._length = 1
        self._slipped = False  # whether the last one had no timestamp of its own to stand at

    def place(self, stamp: int | None, length: int) -> int:
        """The place of what has this timestamp, or none, and lasts for `length`, at least a tick."""
        at = self._next(stamp)
        self._last, self._length = at, max(1, length)
        return at

    def _next(self, stamp: int | None) -> int:
        if self._last is None:
            return 0 if stamp is None else stamp + self._shift
        due = self._last + self._length
        if stamp is None:
            return due
        at = stamp + self._shift
        back = self._last - at
        if 0 <= back <= self._length and not self._slipped:
            self._slipped = True
            return self._last + 1
        if back >= 0 or (self._longest_pause is not None and at - due > self._longest_pause):
            self._shift += due - at
            return due
        self._slipped = False
        return at
