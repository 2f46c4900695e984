"""Kevel's Python SDK, unmodified except for the host: prints what it received as one JSON object."""

import json
import sys

from adzerk_decision_sdk import Client

host, agent = sys.argv[1:3]
client = Client(23, host=host, protocol="http", site_id=4242, api_key="LEFT0VER-API-KEY")


def ask(**more):
    request = {
        "placements": [{"divName": "end", "adTypes": [5], **more}],
        "user": {"key": "ue1-reader"},
        "keywords": ["ai-infrastructure"],
        "url": "https://news.example/x",
        "consent": {"gdpr": False},
    }
    return client.decisions.get(request, user_agent=agent)


def fire(url, **more):
    status, location = client.pixels.fire(url, **more)
    return [status, location]


answer = ask(eventIds=[40, 41], properties={"region": ["north"], "topics": 7, "language": {"a": 1}})
unit = answer.decisions["end"][0]
empty = ask(flightId=1)
none_of_many = ask(flightId=1, count=3)
print(
    json.dumps(
        {
            "user": answer.user.key,
            "ids": [unit.ad_id, unit.creative_id, unit.flight_id, unit.campaign_id, unit.priority_id],
            "content": unit.contents[0].type,
            "title": unit.contents[0].data["title"],
            "events": [[event.id, event.url] for event in unit.events],
            "impression_url": unit.impression_url,
            "click_url": unit.click_url,
            "impression": fire(unit.impression_url),
            "again": fire(unit.impression_url, revenue_override=100.5, additional_revenue=3),
            "empty": empty.decisions["end"],
            "none_of_many": none_of_many.decisions["end"],
        }
    )
)
