"""Comparisons that print what was compared and how many figures, or what differs."""

import random


class Checks:
    def __init__(self, seed, spoil):
        self.seed, self.spoil, self.rng = seed, spoil, random.Random(seed)
        self.passed = self.failed = 0

    def same(self, name, truth, actual):
        """Checks that two mappings are equal. Fails if there is nothing to compare."""
        if self.spoil and actual:
            actual = dict(actual)
            key = self.rng.choice(sorted(actual, key=str))
            actual[key] = actual[key] + 1 if isinstance(actual[key], int | float) else f"{actual[key]} (spoilt)"
        keys = sorted(truth.keys() | actual.keys(), key=str)
        differ = [
            f"{key}: expected {truth.get(key)}, got {actual.get(key)}"
            for key in keys if truth.get(key) != actual.get(key)
        ]  # fmt: skip
        if not truth:
            differ = ["nothing to compare"]
        self.report(name, f"{len(truth)} figures", differ)

    def none(self, name, checked, wrong):
        """Checks that none of `checked` items is wrong. Fails if there is nothing to check."""
        if not checked:
            wrong = ["nothing to check"]
        self.report(name, f"{checked} checked", list(wrong))

    def report(self, name, extent, wrong):
        if not wrong:
            self.passed += 1
            print(f"ok    {name} ({extent})", flush=True)
            return
        self.failed += 1
        print(f"FAIL  {name} ({extent}, {len(wrong)} wrong)", flush=True)
        for line in wrong[:5]:
            print(f"      {line}", flush=True)
