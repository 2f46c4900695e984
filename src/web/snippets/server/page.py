"""Renders a page with a unit in plain Python: ADJACENT_URL=… ADJACENT_KEY=… python3 page.py"""

import json
import os
import urllib.request

BASE = os.environ["ADJACENT_URL"]
KEY = os.environ["ADJACENT_KEY"]


def unit(page, country=None, address=None, agent=None):
    """The unit of a page as HTML, or an empty string; errors are ignored."""
    request = {
        "publisher": "eu-tech-news",
        "page": page,
        "viewer": {"region": country},
        "placements": [{"name": "article-end", "styles": ["terminal", "card"]}],
        "render": "html",
    }
    headers = {
        "Authorization": f"Bearer {KEY}",
        "Content-Type": "application/json",
        # The reader as seen by your server, for fraud detection. Both are optional.
        "Adjacent-Reader-Address": address,
        "Adjacent-Reader-Agent": agent,
    }
    call = urllib.request.Request(
        f"{BASE}/v1/decisions",
        data=json.dumps(request).encode(),
        headers={name: value for name, value in headers.items() if value},
    )
    try:
        with urllib.request.urlopen(call, timeout=0.8) as reply:
            return json.load(reply)["decisions"]["article-end"].get("html", "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""


end = unit(
    {
        "url": "https://news.example/ai-infrastructure/x",
        "language": "en",
        "topics": ["ai-infrastructure"],
    },
    country="DE",
)

# Send the page with `Cache-Control: no-store`: a unit belongs to one page view.
print(f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>A story</title>
<link rel="stylesheet" href="{BASE}/embed/v1/unit.css">
</head>
<body>
<article><h1>A story</h1><p>Words.</p></article>
{end}
</body>
</html>""")
