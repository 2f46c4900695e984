#!/usr/bin/env python3
"""Writes src/traffic/crawlers.txt and tests/data/crawlers.txt from an npm package.

    npm pack crawler-user-agents   # unpacked into ./package
    tests/tools/crawlers.py package src/traffic/crawlers.txt tests/data/crawlers.txt

The first file has one regular expression per line: every pattern of the list, except literals that contain
a word which `src/traffic/agents.rs` searches for anyway. The second has all example user agents of the list,
one per line, which the tests expect to be recognised.
"""
import json
import re
import sys

package, patterns_path, agents_path = sys.argv[1:4]
entries = json.load(open(f"{package}/crawler-user-agents.json"))
version = json.load(open(f"{package}/package.json"))["version"]
# Not "bot" after "u": such a user agent may name a phone (see agents.rs).
words = re.compile("(?<!u)bot|crawl|spider|headless|preview|monitor", re.IGNORECASE)
plain = re.compile(r"(?:[^\\\[\](){}*+?.|^$]|\\[^A-Za-z0-9])*")

patterns = sorted({entry["pattern"] for entry in entries})
kept = [p for p in patterns if not (plain.fullmatch(p) and words.search(p.replace("\\", "")))]
agents = sorted({" ".join(a.split()) for entry in entries for a in entry.get("instances", [])})

licence = open(f"{package}/LICENSE").read().strip().splitlines()
header = f"# From crawler-user-agents {version} of npm by tests/tools/crawlers.py. Its licence:\n#\n"
header += "".join(f"# {line}".rstrip() + "\n" for line in licence)
with open(patterns_path, "w") as out:
    out.write(header)
    out.writelines(f"{pattern}\n" for pattern in kept)
with open(agents_path, "w") as out:
    out.write(header)
    out.writelines(f"{agent}\n" for agent in agents)
print(f"{len(kept)} of {len(patterns)} patterns, {len(agents)} agents", file=sys.stderr)
