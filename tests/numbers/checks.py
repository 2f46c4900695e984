"""Comparisons: each says what it compared and how much of it, or what differs."""

import random


class Checks:
    def __init__(self, seed, spoil):
        self.seed, self.spoil, self.rng = seed, spoil, random.Random(seed)
        self.passed = self.failed = 0

    def same(self, name, truth, said):
        """Two mappings of the same figures are equal, key for key. None at all are no comparison."""
        if self.spoil and said:
            said = dict(said)
            key = self.rng.choice(sorted(said, key=str))
            said[key] = said[key] + 1 if isinstance(said[key], int | float) else f"{said[key]} (spoilt)"
        keys = sorted(truth.keys() | said.keys(), key=str)
        differ = [f"{key}: {truth.get(key)} and not {said.get(key)}" for key in keys if truth.get(key) != said.get(key)]
        if not truth:
            differ = ["there is nothing to compare"]
        self.told(name, f"{len(truth)} figures", differ)

    def none(self, name, looked_at, wrong):
        """Of so many that were looked at, none is wrong."""
        if not looked_at:
            wrong = ["there is nothing to look at"]
        self.told(name, f"{looked_at} looked at", list(wrong))

    def told(self, name, extent, wrong):
        if not wrong:
            self.passed += 1
            print(f"ok    {name} ({extent})", flush=True)
            return
        self.failed += 1
        print(f"FAIL  {name} ({extent}, {len(wrong)} wrong)", flush=True)
        for line in wrong[:5]:
            print(f"      {line}", flush=True)
