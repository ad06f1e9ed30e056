"""The blows: what strikes an installation, one after the other, chosen by a seed."""

import random
from collections import Counter
from collections.abc import Callable, Mapping

from chaos.foundations import Blow
from chaos.keeper import Keeper
from chaos.programs import LEASE_SECONDS

_PAUSE_SECONDS = (0.4, 1.4)
_FREEZE_SECONDS = (1.2 * LEASE_SECONDS, 2.5 * LEASE_SECONDS)
_WORKERS = ("control", "poll", "transfer")


class Blows:
    """Strikes whenever it is time to; counts what it did."""

    def __init__(
        self, keeper: Keeper, chance: random.Random, more: Mapping[str, tuple[int, Blow]]
    ) -> None:
        self._keeper = keeper
        self._chance = chance
        self.counts: Counter[str] = Counter()
        self._table: dict[str, tuple[int, Blow]] = {
            "kill worker": (16, lambda: self._strike(_WORKERS, keeper.kill)),
            "kill web": (5, lambda: self._strike(("web",), keeper.kill)),
            "kill beat": (3, lambda: self._strike(("beat",), keeper.kill)),
            "freeze worker": (6, lambda: self._strike(_WORKERS, self._freeze)),
            "freeze web": (1, lambda: self._strike(("web",), self._freeze)),
            "freeze beat": (1, lambda: self._strike(("beat",), self._freeze)),
            "restart": (4, self._restart),
            **more,
        }

    @property
    def kills(self) -> int:
        """How many processes were ended as by a crash."""
        return sum(count for name, count in self.counts.items() if name.startswith("kill"))

    def strike(self) -> float:
        """Strike once; for how many seconds there is peace afterwards."""
        names = list(self._table)
        (name,) = self._chance.choices(names, [self._table[each][0] for each in names])
        self.counts[name] += self._table[name][1]() is not False
        return self._chance.uniform(*_PAUSE_SECONDS)

    def _strike(self, programs: tuple[str, ...], how: Callable[[int], None]) -> bool:
        # Sorted, so that the same seed chooses alike among the same processes.
        found = sorted(self._keeper.processes(*programs))
        if found:
            how(self._chance.choice(found)[1])
        return bool(found)

    def _freeze(self, pid: int) -> None:
        self._keeper.freeze(pid, self._chance.uniform(*_FREEZE_SECONDS))

    def _restart(self) -> bool:
        names = sorted({name for name, _ in self._keeper.processes("")})
        if names:
            self._keeper.ask_to_stop(self._chance.choice(names))
        return bool(names)
