"""Readers: they ask for pages, look, click and copy, and write down what they sent and what was
acknowledged. What they write down is the oracle: no figure of the server goes into it."""

import collections
import dataclasses
import http.client
import json
import random
import threading
import time

PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
MANNERS = {
    "person": {"User-Agent": PERSON, "Accept": "*/*"},
    "robot": {"User-Agent": "Googlebot/2.1 (+http://www.google.com/bot.html)", "Accept": "*/*"},
    "prefetch": {"User-Agent": PERSON, "Accept": "*/*", "Sec-Purpose": "prefetch"},
}
PAGES = [
    ("eu-tech-news", "article-end", topic, region)
    for topic, region in [
        ("ai-infrastructure", "DE"),
        ("ai-agents", "FR"),
        ("cloud-computing", "CH"),
        ("devops", "US"),
        ("web-security", "IE"),
        ("rust", "JP"),
        ("small-business", "NL"),
        ("cycling", "NL"),
        ("science", "ES"),
        ("a-topic-that-nobody-knows", "BE"),
    ]
] + [
    ("eu-tech-news", "sidebar", "ai-infrastructure", "DE"),
    ("eu-tech-news", "sidebar", "mobility", "BE"),
    ("kitchen-journal", "article-end", "cooking", "AT"),
    ("kitchen-journal", "no-such-placement", "cooking", "AT"),
]
# Seconds between an impression and what a person does next; a little more than the rules ask.
LOOKS_S, CLICKS_S = 1.0, 0.6


@dataclasses.dataclass
class Token:
    """One address that reports an event, and what was sent there."""

    kind: str
    decision: str
    cta: str | None
    url: str
    manner: str = "person"
    sent: int = 0
    acknowledged: int = 0
    # For a click right after its impression: it was answered before a person could have clicked.
    surely_hasty: bool = False


class Oracle:
    """What all readers wrote down."""

    def __init__(self):
        self.lock = threading.Lock()
        self.tokens = {}  # by (kind, decision, cta)
        self.units = {}  # what a decision's answer said, by its id
        self.slots = collections.Counter()  # (generation, outcome)
        self.forged = collections.Counter()  # answered, by generation
        self.heads = self.unanswered = self.requests = 0
        self.wrong = []  # answers that no reader should get


class Reader(threading.Thread):
    """One connection, and whoever reads behind it."""

    def __init__(self, number, seed, server, oracle, done):
        super().__init__(daemon=True)
        self.rng = random.Random(f"{seed}/{number}")
        self.server, self.oracle, self.done = server, oracle, done
        self.link, self.generation, self.failure = None, 0, None

    def run(self):
        try:
            while not self.done.is_set():
                self.round()
        except Exception as failure:  # said by the main thread
            self.failure = failure

    def call(self, method, path, manner="person", body=None):
        """The answer, or nothing where the server was killed meanwhile."""
        if self.link is None or self.generation != self.server.generation:
            # A connection that slept over the kill leads to a process that is no more.
            self.generation = self.server.generation
            host = self.server.public.removeprefix("http://")
            self.link = http.client.HTTPConnection(host, timeout=20)
        self.oracle.requests += 1
        headers = dict(MANNERS[manner])
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            self.link.request(method, path, body=body, headers=headers)
            answer = self.link.getresponse()
            return answer, answer.read()
        except (OSError, http.client.HTTPException):
            self.link.close()
            self.link = None
            with self.oracle.lock:
                self.oracle.unanswered += 1
            self.server.after(self.generation)
            return None, b""

    def ask(self, publisher, placement, topic, region, test):
        """One page; its units."""
        entities = self.rng.choice([[], ["european-commission"], [{"name": "Gitlift", "role": "subject"}]])
        # Now and then a page that wants nothing commercial, so that there is more than one reason.
        commercial = self.rng.choices(["allow", "none", "house_only"], [90, 5, 5])[0]
        page = {
            "commercial": commercial,
            "url": f"https://news.example/{topic}/x",
            "language": "de" if publisher == "kitchen-journal" else "en",
            "topics": [topic],
            "entities": entities,
        }
        body = {
            "publisher": publisher,
            "page": page,
            "viewer": {"region": region},
            "placements": [{"name": placement, "key": "it"}],
            "test": test,
        }
        answer, text = self.call("POST", "/v1/decisions", body=json.dumps(body))
        if answer is None:
            return None
        if answer.status != 200:
            self.oracle.wrong.append(f"a page was answered {answer.status}: {text[:200]}")
            return None
        unit = json.loads(text)["decisions"]["it"]
        outcome = "test" if test else "filled" if unit["fill"] else unit["reason"]
        with self.oracle.lock:
            self.oracle.slots[self.generation, outcome] += 1
            if unit["fill"]:
                self.oracle.units[unit["decision_id"]] = {
                    "advertiser": unit["advertiser"]["id"],
                    "campaign": unit["campaign"],
                    "flight": unit["flight"],
                    "creative": unit["creative"]["id"],
                    "publisher": publisher,
                    "placement": placement,
                    "region": region,
                }
        return unit if unit["fill"] else None

    def token(self, unit, kind, cta=None, manner="person"):
        if kind == "click":
            url = next(one["click_url"] for one in unit["creative"]["ctas"] if one["id"] == cta)
        elif kind == "copy":
            url = unit["creative"]["command"]["copy_url"]
        else:
            url = unit["event_urls"][kind]
        token = Token(kind, unit["decision_id"], cta, url.removeprefix(self.server.public), manner)
        with self.oracle.lock:
            return self.oracle.tokens.setdefault((kind, token.decision, cta), token)

    def fire(self, token, again=True):
        """Reports an event; true when it was acknowledged. Half of what a kill cut is sent again."""
        token.sent += 1
        method = "POST" if token.kind != "click" and self.rng.random() < 0.3 else "GET"
        manner = token.manner if token.manner in MANNERS else "person"
        answer, text = self.call(method, token.url, manner)
        if answer is None:
            return again and self.rng.random() < 0.5 and self.fire(token, again=False)
        expected = 302 if token.kind == "click" else 204
        if answer.status != expected:
            self.oracle.wrong.append(f"a {token.kind} was answered {answer.status}: {text[:200]}")
        acknowledged = answer.getheader("Adjacent-Recorded") == "1"
        token.acknowledged += acknowledged
        return acknowledged

    def wait(self, since, seconds):
        """What a person does between two acts; by the clock that the server reads, too."""
        while (left := since + seconds - time.time()) > 0:
            time.sleep(left)

    def follow_ups(self, unit):
        """All that can be done with a unit, but for the impression."""
        ctas = [("click", one["id"]) for one in unit["creative"]["ctas"]]
        copies = [("copy", None)] if unit["creative"].get("command") else []
        return [("viewable", None), *ctas, *copies]

    def round(self):
        """A few pages at a time: impressions first, then what persons do a second later."""
        seen, rng = [], self.rng
        for _ in range(6):
            test = rng.random() < 0.04
            unit = self.ask(*rng.choice(PAGES), test)
            if unit is None:
                continue
            manner = "test" if test else rng.choices(
                ["person", "robot", "prefetch", "orphan", "hasty"], [80, 6, 5, 4, 5]
            )[0]  # fmt: skip
            if manner == "orphan":
                for kind, cta in self.follow_ups(unit):
                    self.fire(self.token(unit, kind, cta, "orphan"))
                continue
            began = time.time()
            impression = self.token(unit, "impression", None, "person" if manner == "hasty" else manner)
            if not self.fire(impression):
                continue
            if manner == "hasty":
                click = self.token(unit, "click", unit["creative"]["ctas"][0]["id"], "hasty")
                self.fire(click, again=False)
                click.surely_hasty = time.time() - began < 0.45
            else:
                seen.append((unit, impression, manner, time.time()))
        for unit, impression, manner, at in seen:
            if rng.random() < 0.15:
                self.fire(impression)
            if manner != "person":
                continue
            self.wait(at, CLICKS_S)
            self.look_on(unit, at)
        self.mischief(seen)

    def look_on(self, unit, at):
        """What a person does: some look, fewer click, some twice."""
        rng = self.rng
        for kind, cta in self.follow_ups(unit):
            if rng.random() > {"viewable": 0.8, "click": 0.5, "copy": 0.4}[kind]:
                continue
            if kind == "viewable":
                self.wait(at, LOOKS_S)
            token = self.token(unit, kind, cta)
            self.fire(token)
            if rng.random() < 0.15:
                self.fire(token)

    def mischief(self, seen):
        """Forged tokens, and robots that look at links with HEAD: neither is an event of a unit."""
        if seen:
            unit = seen[0][0]
            good = unit["event_urls"]["impression"].removeprefix(self.server.public)
            at = self.rng.randrange(8, len(good))
            other = "A" if good[at] != "A" else "B"
            path = good[:at] + other + good[at + 1 :]
            if self.rng.random() < 0.5:
                path = path.replace("/e/", "/c/", 1)
            self.refused("GET", path, {204, 404}, self.oracle.forged)
            click = unit["creative"]["ctas"][0]["click_url"].removeprefix(self.server.public)
            self.refused("HEAD", click, {302}, None)

    def refused(self, method, path, statuses, count):
        answer, text = self.call(method, path)
        if answer is None:
            return
        if answer.status not in statuses or answer.getheader("Adjacent-Recorded"):
            self.oracle.wrong.append(f"{method} of a forged or unseen link: {answer.status}: {text[:200]}")
        with self.oracle.lock:
            if count is None:
                self.oracle.heads += 1
            else:
                count[self.generation] += 1
