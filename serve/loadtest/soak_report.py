"""Diary: what clients of a mix were told and what the service used meanwhile, as text, and what is wrong with it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from serve.loadtest.memory_curve import Sample, draw, growth
from serve.loadtest.scenarios import BUSY, Way


@dataclass
class Diary:
    """`told`: how often each way of the mix ended how. `faults`: one line each."""

    told: Counter[tuple[str, str]] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def judge(self, ways: Mapping[str, Way]) -> None:
        """Note what nobody should have been told, and growth."""
        for (name, told), count in sorted(self.told.items()):
            if told not in (ways[name].expected, BUSY):
                self.faults.append(f"{name}: {count} x {told}, not {ways[name].expected}")
        if much := growth(self.samples):
            self.faults.append(f"memory grew from {much[0]:.0f} to {much[1]:.0f} MB")

    def lines(self) -> Iterator[str]:
        names = sorted({name for name, _ in self.told})
        for name in names:
            told = ", ".join(f"{count} x {told}" for (way, told), count in sorted(self.told.items()) if way == name)
            yield f"{name.ljust(max(map(len, names)))}  {told}"
        yield ""
        usage = [sample.usage for sample in self.samples]
        yield draw("memory, MB", [one.rss for one in usage])
        yield draw("open files", [one.files for one in usage])
        yield draw("threads", [one.threads for one in usage])
        yield f"{usage[-1].peak:.0f} MB of memory at most"
        yield ""
        if self.faults:
            yield from (f"fault: {fault}" for fault in self.faults)
        else:
            yield f"sound: {self.told.total()} clients, each told what it should be, or to come again"
