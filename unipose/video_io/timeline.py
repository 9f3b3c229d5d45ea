"""Timeline: a stream's timestamps, which may be missing, repeat or jump, as times that always go on."""

# Seconds; a longer pause is taken for a jump of the clock, in containers where it may be set anew, and in others.
LONGEST_PAUSE, LONGEST_PAUSE_ELSEWHERE = 10.0, 86_400.0


class Timeline:
    """Places one stream's frames or packets one after another, in ticks of its time base from `origin` on.

    A timestamp that goes back a little is moved behind the last one. Where the clock jumps back, or ahead by more than
    `longest_pause`, the next follows the last one, and those after it keep their distances: so it is where files were
    joined, a recorder started anew, or a counter began at 0 again. Once the clock is right again, so are the places.
    """

    def __init__(self, origin: int, longest_pause: int):
        self._longest_pause = longest_pause
        self._shift = self._former = -origin  # what is added to timestamps, now and before the last jump
        self._last: int | None = None
        self._length = 1
        self._late = self._jumping = False  # whether the last one was not where its timestamp says, and why

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
        for shift in (self._former, self._shift):
            if self._last < stamp + shift <= due + self._longest_pause:
                self._shift, self._late, self._jumping = shift, False, False
                return stamp + shift
        if 0 <= self._last - stamp - self._shift <= self._length and not self._late:
            self._late = True
            return self._last + 1
        if not self._jumping:
            self._former = self._shift
        self._shift, self._late, self._jumping = due - stamp, True, True
        return due
