"""SoakReport: the outcomes, resource usage and faults of a soak test as text."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from serve.loadtest.memory_curve import Sample, memory_growth, sparkline
from serve.loadtest.scenarios import BUSY, Scenario


@dataclass
class SoakReport:
    """`outcomes`: counts by scenario and outcome. `faults`: one line each."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def find_faults(self, scenarios: Mapping[str, Scenario]) -> None:
        """Add unexpected outcomes and memory growth to the faults."""
        for (name, outcome), count in sorted(self.outcomes.items()):
            if outcome not in (scenarios[name].expected, BUSY):
                self.faults.append(f"{name}: {count} x {outcome}, not {scenarios[name].expected}")
        if growth := memory_growth(self.samples):
            self.faults.append(f"memory grew from {growth[0]:.0f} to {growth[1]:.0f} MB")

    def lines(self) -> Iterator[str]:
        counts = sorted(self.outcomes.items())
        names = sorted({name for name, _ in self.outcomes})
        for name in names:
            outcomes = ", ".join(f"{count} x {outcome}" for (scenario, outcome), count in counts if scenario == name)
            yield f"{name.ljust(max(map(len, names)))}  {outcomes}"
        yield ""
        usage = [sample.usage for sample in self.samples]
        yield sparkline("memory, MB", [one.rss for one in usage])
        yield sparkline("open files", [one.files for one in usage])
        yield sparkline("threads", [one.threads for one in usage])
        yield f"{usage[-1].peak:.0f} MB of memory at most"
        yield ""
        if self.faults:
            yield from (f"fault: {fault}" for fault in self.faults)
        else:
            yield f"sound: {self.outcomes.total()} clients, each told what it should be, or to come again"
