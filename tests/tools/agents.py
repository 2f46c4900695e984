#!/usr/bin/env python3
"""Writes the lists of agents in src/traffic and tests/data from published packages.

    npm pack crawler-user-agents user-agents random-useragent      # each unpacked into FOLDER/NAME
    pip download --no-deps ai-crawler-index                        # unpacked into FOLDER/ai-crawler-index
    cargo download ua-parser                                       # its uap-core into FOLDER/uap-core
    tests/tools/agents.py FOLDER

- `tests/data/browsers.txt`: agents of browsers that people use. `uap-core` names the browser of each agent
  of its own test files; one agent for each device brand and browser is taken, and none of its `Spider`s.
- `tests/data/crawlers.txt`: agents of crawlers, monitors and libraries.
- `src/traffic/crawlers.txt`: a regular expression per line that names crawlers, without those that match an
  agent of a person, and without literals that contain a word which `src/traffic/agents.rs` searches anyway.
- `src/traffic/ai_agents.txt`: names of AI agents and crawlers.
"""
import json
import re
import sys
from pathlib import Path

import yaml

folder = Path(sys.argv[1])
root = Path(__file__).resolve().parents[2]
words = re.compile("(?<!u)bot|crawl|spider|headless|preview|monitor", re.IGNORECASE)
plain = re.compile(r"(?:[^\\\[\](){}*+?.|^$]|\\[^A-Za-z0-9])*")
# Names of `uap-core` for browsers; others are applications, libraries, players and crawlers.
BROWSERS = set(
    """Amazon Silk;Android;Avast Secure Browser;Baidu Browser;Baidu Explorer;Basilisk;BlackBerry;
    BlackBerry WebKit;Brave;Chrome;Chrome Mobile;Chrome Mobile WebView;Chrome Mobile iOS;Chromium;Coc Coc;Dolfin;
    Dolphin;DuckDuckGo Mobile;Ecosia Android;Ecosia iOS;Edge;Edge Mobile;Epiphany;Facebook;Facebook Messenger;
    Firefox;Firefox Beta;Firefox Mobile;Firefox iOS;Flipboard;Google;HbbTV;Huawei Browser;IE;IE Large Screen;
    IE Mobile;Instagram;Iron;Jasmine;K-Meleon;Kindle;Konqueror;LINE;Lynx;Maxthon;Midori;Mint Browser;
    MiuiBrowser;Mobile Safari;Mobile Safari UI/WKWebView;NetFront;NetFront NX;Nokia;Nokia Browser;
    Nokia OSS Browser;ONE Browser;Obigo;Oculus Browser;Opera;Opera Coast;Opera Mini;Opera Mobile;Opera Neon;
    Opera Tablet;Otter;Ovi Browser;Pale Moon;Phantom Browser;Pinterest;Polaris;Puffin;QQ Browser;
    QQ Browser Mini;QQ Browser Mobile;QupZilla;SEMC-Browser;Safari;Sailfish Browser;Samsung Internet;SeaMonkey;
    Skyfire;Sleipnir;Snapchat;Teleca Browser;Twitter;UC Browser;UP.Browser;Vivaldi;Waterfox;WebKit Nightly;
    Whale;Yandex Browser;qutebrowser;webOS Browser""".replace("\n    ", "").split(";")
)

# Browsers that an AI drives. `crawler-user-agents` tags them as automation, with test tools.
DRIVEN = [
    "Amazon-Bedrock-AgentCore-Browser",
    "AmazonBuyForMe",
    "Anchor Browser",
    "Google-Gemini-CLI",
    "GoogleAgent-Mariner",
    "Manus-User",
    "opencode-smartfetch",
    "TwinAgent",
]


def tidy(agents):
    return sorted({" ".join(agent.split()) for agent in agents if len(agent) <= 512})


def version(package):
    return json.loads((folder / package / "package.json").read_text())["version"]


def header(source, licence):
    lines = [f"From {source} by tests/tools/agents.py. Its licence:", ""]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines + licence.strip().splitlines())


def licence(package, name="LICENSE"):
    return (folder / package / name).read_text()


crawlers = json.loads((folder / "crawler-user-agents/crawler-user-agents.json").read_text())
source = header(f"crawler-user-agents {version('crawler-user-agents')} of npm", licence("crawler-user-agents"))

uap = folder / "uap-core"
parsers = yaml.load((uap / "regexes.yaml").read_text(), yaml.CSafeLoader)["user_agent_parsers"]
parsers = [(re.compile(one["regex"]), one.get("family_replacement", "$1")) for one in parsers]


def browser(agent):
    for pattern, name in parsers:
        if found := pattern.search(agent):
            return name.replace("$1", found.groups() and found.group(1) or "")
    return "Other"


def cases(name):
    return yaml.load((uap / name).read_text(), yaml.CSafeLoader)["test_cases"]


chosen, spiders = {}, []
for case in cases("tests/test_device.yaml"):
    agent, family = case["user_agent_string"], browser(case["user_agent_string"])
    if case["family"] == "Spider":
        spiders.append(agent)
    elif family in BROWSERS and not agent.startswith("Dalvik/"):
        rare = re.search("bot|sonic|butterfly|spider|monitor", agent, re.IGNORECASE)
        key = agent if rare else (str(case["brand"]).lower(), family)
        chosen.setdefault(key, agent)
people = [
    (
        f"user-agents {version('user-agents')} of npm: agents of the visitors of many sites, counted",
        licence("user-agents"),
        (one["userAgent"] for one in json.loads((folder / "user-agents/dist/user-agents.json").read_text())),
    ),
    (
        f"random-useragent {version('random-useragent')} of npm: its folders of browsers and mobile devices",
        licence("random-useragent", "LICENSE-MIT"),
        (
            one["userAgent"]
            for one in json.loads((folder / "random-useragent/useragent-data.json").read_text())
            if re.match("/Browsers|/Mobile Devices/(?!Services)", one["folder"]) or "Consoles" in one["folder"]
        ),
    ),
    (
        f"uap-core {version('uap-core')} (in ua-parser of crates.io): tests/test_device.yaml, "
        "test_resources/opera_mini_user_agent_strings.yaml",
        "Apache License, Version 2.0, http://www.apache.org/licenses/LICENSE-2.0\nCopyright 2009 Google Inc.",
        [*chosen.values()]
        + [case["user_agent_string"] for case in cases("test_resources/opera_mini_user_agent_strings.yaml")],
    ),
]
corpus = root / "tests/data/browsers.txt"
own = corpus.read_text().split("# From ")[0]
seen = set(own.splitlines())
with corpus.open("w") as out:
    out.write(own)
    for where, terms, agents in people:
        new = [agent for agent in tidy(agents) if agent not in seen]
        seen.update(new)
        out.write(header(where, terms))
        out.writelines(f"{agent}\n" for agent in new)
persons = [line for line in seen if line and not line.startswith("#")]

patterns = sorted({entry["pattern"] for entry in crawlers})
kept = [p for p in patterns if not (plain.fullmatch(p) and words.search(p.replace("\\", "")))]
wrong = [p for p in kept if any(re.search(p, agent) for agent in persons)]
with (root / "src/traffic/crawlers.txt").open("w") as out:
    out.write(source)
    out.writelines(f"{pattern}\n" for pattern in kept if pattern not in wrong)

bots = tidy([a for entry in crawlers for a in entry.get("instances", [])] + spiders)
with (root / "tests/data/crawlers.txt").open("w") as out:
    out.write(source)
    out.writelines(f"{agent}\n" for agent in bots)

index = json.loads((folder / "ai-crawler-index/ai_crawler_index/data.json").read_text())
names = {one["robots_token"] for one in index["crawlers"] if one["category"] in index["ai_categories"]}
tagged = [one for one in crawlers if "ai-crawler" in one["tags"] or one["pattern"] in DRIVEN]
names |= {re.sub(r"\\?/$", "", one["pattern"].replace("[cC]", "C").replace("[bB]", "b")) for one in tagged}
names = {name for name in names if re.fullmatch(r"[\w .-]{4,}", name)}
with (root / "src/traffic/ai_agents.txt").open("w") as out:
    out.write(
        f"# AI agents and crawlers of ai-crawler-index {index['version']} of PyPI (CC0-1.0), and those of\n"
        f"# crawler-user-agents {version('crawler-user-agents')} of npm (MIT), by tests/tools/agents.py.\n"
    )
    out.writelines(f"{name}\n" for name in sorted({name.lower() for name in names}))
print(
    f"{len(persons)} persons' agents; {len(bots)} bots' agents; {len(kept) - len(wrong)} of {len(patterns)} "
    f"patterns, without {wrong}; {len(names)} AI agents",
    file=sys.stderr,
)
