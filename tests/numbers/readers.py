"""Simulated readers: they request decisions, view, click and copy, and note in the oracle what they sent and
what was acknowledged. The oracle contains no figure computed by the server."""

import collections
import dataclasses
import http.client
import json
import random
import threading
import time

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
HEADERS = {
    "reader": {"User-Agent": BROWSER, "Accept": "*/*"},
    "bot": {"User-Agent": "Googlebot/2.1 (+http://www.google.com/bot.html)", "Accept": "*/*"},
    "prefetch": {"User-Agent": BROWSER, "Accept": "*/*", "Sec-Purpose": "prefetch"},
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
        ("an-unknown-topic", "BE"),
    ]
] + [
    ("eu-tech-news", "sidebar", "ai-infrastructure", "DE"),
    ("eu-tech-news", "sidebar", "mobility", "BE"),
    ("kitchen-journal", "article-end", "cooking", "AT"),
    ("kitchen-journal", "no-such-placement", "cooking", "AT"),
]
# Seconds from an impression to a viewable and to a click; slightly more than the minimum of the traffic rules.
VIEWABLE_S, CLICK_S = 1.0, 0.6


@dataclasses.dataclass
class Token:
    """One event URL, and how often it was requested."""

    kind: str
    decision: str
    cta: str | None
    url: str
    behaviour: str = "reader"
    sent: int = 0
    acknowledged: int = 0
    # A click whose response came sooner after the impression than the minimum time.
    surely_too_fast: bool = False


class Oracle:
    """The notes of all readers."""

    def __init__(self):
        self.lock = threading.Lock()
        self.tokens = {}  # by (kind, decision, cta)
        self.units = {}  # attribution of a decision, by its id
        self.slots = collections.Counter()  # (generation, outcome)
        self.forged = collections.Counter()  # requests with a response, by generation
        self.heads = self.unanswered = self.requests = 0
        self.wrong = []  # unexpected responses


class Reader(threading.Thread):
    """A reader with its own connection."""

    def __init__(self, number, seed, server, oracle, done):
        super().__init__(daemon=True)
        self.rng = random.Random(f"{seed}/{number}")
        self.server, self.oracle, self.done = server, oracle, done
        self.link, self.generation, self.failure = None, 0, None

    def run(self):
        try:
            while not self.done.is_set():
                self.round()
        except Exception as failure:  # raised again by the main thread
            self.failure = failure

    def call(self, method, path, behaviour="reader", body=None):
        """The response and its body, or None and b"" if the server was killed meanwhile."""
        if self.link is None or self.generation != self.server.generation:
            # Reconnect after a restart.
            self.generation = self.server.generation
            host = self.server.public.removeprefix("http://")
            self.link = http.client.HTTPConnection(host, timeout=20)
        self.oracle.requests += 1
        headers = dict(HEADERS[behaviour])
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
            self.server.wait_for_restart(self.generation)
            return None, b""

    def decide(self, publisher, placement, topic, region, test):
        """Requests a decision; returns the unit, or None if not filled."""
        entities = self.rng.choice([[], ["european-commission"], [{"name": "Gitlift", "role": "subject"}]])
        # Some pages allow no ads, so that several no-fill reasons occur.
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
            self.oracle.wrong.append(f"decision: unexpected status {answer.status}: {text[:200]}")
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
                    # What only the reader's browser says of its country is in no report.
                    "region": "unknown",
                }
        return unit if unit["fill"] else None

    def token(self, unit, kind, cta=None, behaviour="reader"):
        if kind == "click":
            url = next(one["click_url"] for one in unit["creative"]["ctas"] if one["id"] == cta)
        elif kind == "copy":
            url = unit["creative"]["command"]["copy_url"]
        else:
            url = unit["event_urls"][kind]
        token = Token(kind, unit["decision_id"], cta, url.removeprefix(self.server.public), behaviour)
        with self.oracle.lock:
            return self.oracle.tokens.setdefault((kind, token.decision, cta), token)

    def report(self, token, again=True):
        """Reports an event; returns whether it was acknowledged. Half of the interrupted requests are repeated."""
        token.sent += 1
        method = "POST" if token.kind != "click" and self.rng.random() < 0.3 else "GET"
        behaviour = token.behaviour if token.behaviour in HEADERS else "reader"
        answer, text = self.call(method, token.url, behaviour)
        if answer is None:
            return again and self.rng.random() < 0.5 and self.report(token, again=False)
        expected = 302 if token.kind == "click" else 204
        if answer.status != expected:
            self.oracle.wrong.append(f"{token.kind}: unexpected status {answer.status}: {text[:200]}")
        acknowledged = answer.getheader("Adjacent-Recorded") == "1"
        token.acknowledged += acknowledged
        return acknowledged

    def wait(self, since, seconds):
        """Waits until `seconds` after `since`, by the wall clock, which the server uses, too."""
        while (left := since + seconds - time.time()) > 0:
            time.sleep(left)

    def follow_ups(self, unit):
        """All events of a unit except the impression."""
        ctas = [("click", one["id"]) for one in unit["creative"]["ctas"]]
        copies = [("copy", None)] if unit["creative"].get("command") else []
        return [("viewable", None), *ctas, *copies]

    def round(self):
        """Six page views: impressions first, then the interactions of regular readers."""
        seen, rng = [], self.rng
        for _ in range(6):
            test = rng.random() < 0.04
            unit = self.decide(*rng.choice(PAGES), test)
            if unit is None:
                continue
            behaviour = "test" if test else rng.choices(
                ["reader", "bot", "prefetch", "orphan", "fast"], [80, 6, 5, 4, 5]
            )[0]  # fmt: skip
            if behaviour == "orphan":
                for kind, cta in self.follow_ups(unit):
                    self.report(self.token(unit, kind, cta, "orphan"))
                continue
            began = time.time()
            impression = self.token(unit, "impression", None, "reader" if behaviour == "fast" else behaviour)
            if not self.report(impression):
                continue
            if behaviour == "fast":
                click = self.token(unit, "click", unit["creative"]["ctas"][0]["id"], "fast")
                self.report(click, again=False)
                click.surely_too_fast = time.time() - began < 0.45
            else:
                seen.append((unit, impression, behaviour, time.time()))
        for unit, impression, behaviour, at in seen:
            if rng.random() < 0.15:
                self.report(impression)
            if behaviour != "reader":
                continue
            self.wait(at, CLICK_S)
            self.interact(unit, at)
        self.send_unbillable_requests(seen)

    def interact(self, unit, at):
        """Reports viewable, click and copy events with decreasing probability, some twice."""
        rng = self.rng
        for kind, cta in self.follow_ups(unit):
            if rng.random() > {"viewable": 0.8, "click": 0.5, "copy": 0.4}[kind]:
                continue
            if kind == "viewable":
                self.wait(at, VIEWABLE_S)
            token = self.token(unit, kind, cta)
            self.report(token)
            if rng.random() < 0.15:
                self.report(token)

    def send_unbillable_requests(self, seen):
        """Sends a forged token and a HEAD request for a click link; neither is an event of a unit."""
        if seen:
            unit = seen[0][0]
            good = unit["event_urls"]["impression"].removeprefix(self.server.public)
            at = self.rng.randrange(8, len(good))
            other = "A" if good[at] != "A" else "B"
            path = good[:at] + other + good[at + 1 :]
            if self.rng.random() < 0.5:
                path = path.replace("/e/", "/c/", 1)
            self.send_unbillable("GET", path, {204, 404}, self.oracle.forged)
            click = unit["creative"]["ctas"][0]["click_url"].removeprefix(self.server.public)
            self.send_unbillable("HEAD", click, {302}, None)

    def send_unbillable(self, method, path, statuses, count):
        answer, text = self.call(method, path)
        if answer is None:
            return
        if answer.status not in statuses or answer.getheader("Adjacent-Recorded"):
            self.oracle.wrong.append(f"{method} of a forged or click link: unexpected {answer.status}: {text[:200]}")
        with self.oracle.lock:
            if count is None:
                self.oracle.heads += 1
            else:
                count[self.generation] += 1
