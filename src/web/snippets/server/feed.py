"""Prints a feed with a unit at the end of its newest entry, with Python's standard library:
ADJACENT_URL=… ADJACENT_KEY=… python3 feed.py [atom|rss]

Make the feed when you publish an entry, not for each request: feeds are fetched by programs. Your server reports the
impression; the feed contains no script and no pixel, and every reader gets the same links."""

import json
import os
import re
import sys
import urllib.request
import xml.etree.ElementTree as xml

BASE = os.environ["ADJACENT_URL"]
KEY = os.environ["ADJACENT_KEY"]
SITE = "https://news.example/"
ATOM = "http://www.w3.org/2005/Atom"
CONTENT = "http://purl.org/rss/1.0/modules/content/"


def call(address, body=None):
    """Sends a request with the publisher's key."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    data = json.dumps(body or {}).encode()
    return urllib.request.urlopen(
        urllib.request.Request(address, data=data, headers=headers), timeout=5
    )


def unit(page):
    """The unit of an entry as HTML without its pixel, or an empty string; reports its impression."""
    request = {
        "publisher": "eu-tech-news",
        "page": page,
        "placements": [{"name": "article-end", "styles": ["card"]}],
        "render": "html",
    }
    try:
        with call(f"{BASE}/v1/decisions", request) as reply:
            found = json.load(reply)["decisions"]["article-end"]
        if not found["fill"]:
            return ""
        html = re.sub(r'<img class="adj-seen"[^>]*>', "", found["html"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    try:
        call(found["event_urls"]["impression"]).close()
    except (OSError, KeyError, TypeError, ValueError):
        pass
    return html


def add(parent, name, text=None, **attributes):
    """Adds an element; its text is escaped."""
    element = xml.SubElement(parent, name, attributes)
    element.text = text
    return element


def atom(entry):
    """The feed as Atom."""
    xml.register_namespace("", ATOM)
    feed = xml.Element(f"{{{ATOM}}}feed")
    for name, text in (("title", "News"), ("id", SITE), ("updated", entry["updated"])):
        add(feed, f"{{{ATOM}}}{name}", text)
    add(add(feed, f"{{{ATOM}}}author"), f"{{{ATOM}}}name", "News")
    item = add(feed, f"{{{ATOM}}}entry")
    for name, text in (("title", entry["title"]), ("id", entry["url"]), ("updated", entry["updated"])):
        add(item, f"{{{ATOM}}}{name}", text)
    add(item, f"{{{ATOM}}}link", href=entry["url"])
    add(item, f"{{{ATOM}}}content", entry["html"], type="html")
    return feed


def rss(entry):
    """The feed as RSS 2.0."""
    xml.register_namespace("content", CONTENT)
    feed = xml.Element("rss", version="2.0")
    channel = add(feed, "channel")
    for name, text in (("title", "News"), ("link", SITE), ("description", "News")):
        add(channel, name, text)
    item = add(channel, "item")
    for name, text in (("title", entry["title"]), ("link", entry["url"]), ("guid", entry["url"])):
        add(item, name, text)
    add(item, f"{{{CONTENT}}}encoded", entry["html"])
    return feed


story = {"title": "A story", "url": f"{SITE}ai-infrastructure/x", "updated": "2026-11-30T12:00:00Z"}
story["html"] = "<p>Words.</p>" + unit({"url": story["url"], "language": "en", "topics": ["ai-infrastructure"]})

made = rss(story) if sys.argv[1:] == ["rss"] else atom(story)
print('<?xml version="1.0" encoding="utf-8"?>\n' + xml.tostring(made, encoding="unicode"))
