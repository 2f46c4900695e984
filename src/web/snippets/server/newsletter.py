"""Prints a newsletter with a unit as a mail in HTML and plain text, with Python's standard library:
ADJACENT_URL=… ADJACENT_KEY=… python3 newsletter.py

One decision is made for an issue, when it is sent: every reader gets the same mail, so no link or image in it
identifies one. Your server reports the impression; the mail loads no script and no pixel."""

import json
import os
import re
import urllib.request
from email.message import EmailMessage

BASE = os.environ["ADJACENT_URL"]
KEY = os.environ["ADJACENT_KEY"]


def call(address, body=None):
    """Sends a request with the publisher's key."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    data = json.dumps(body or {}).encode()
    return urllib.request.urlopen(
        urllib.request.Request(address, data=data, headers=headers), timeout=5
    )


def unit(page):
    """The unit of an issue, or `None`; errors are ignored."""
    request = {
        "publisher": "eu-tech-news",
        "page": page,
        "placements": [{"name": "article-end", "styles": ["card"]}],
        "render": "html",
    }
    try:
        with call(f"{BASE}/v1/decisions", request) as reply:
            found = json.load(reply)["decisions"]["article-end"]
            return found if found["fill"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def as_html(found):
    """The unit without the pixel by which a page counts its impression."""
    return re.sub(r'<img class="adj-seen"[^>]*>', "", found["html"])


def as_text(found):
    """The same unit as plain text, with its label first."""
    label, creative = found["label"], found["creative"]
    lines = [f"{label['text']} {label['sponsor_line']}", creative["headline"], creative["body"]]
    lines += [f"{cta['text']}: {cta['click_url']}" for cta in creative["ctas"]]
    lines.append(f"{found['transparency']['why_text']}: {found['transparency']['why_url']}")
    return "\n".join(line for line in lines if line)


def sent(found):
    """Reports the impression: call it once, when the issue is sent."""
    try:
        call(found["event_urls"]["impression"]).close()
    except (OSError, KeyError, TypeError, ValueError):
        pass


ad = unit({"url": "https://news.example/issues/17", "language": "en", "topics": ["ai-infrastructure"]})

mail = EmailMessage()
mail["Subject"] = "Issue 17"
mail["From"] = "News <letters@news.example>"
mail.set_content("A story\n\nWords.\n\n" + (as_text(ad) if ad else ""))
mail.add_alternative(
    f'<!doctype html><html lang="en"><title>Issue 17</title><h1>A story</h1><p>Words.</p>{as_html(ad) if ad else ""}',
    subtype="html",
)
if ad:
    sent(ad)
print(mail.as_string())
