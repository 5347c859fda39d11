"""What pages send, made up before it is needed: several customers' visitors, as the snippet posts.

Two of five beacons are the first of their session, the others further page views of one that was
seen a little before. Each names its visitor, a number of the customer's pool, written as the page
shows it, and most a reference.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator

#: The customers' projects; each has one shop.
PROJECTS = tuple(range(162, 167))

#: Of so many beacons one is the first of its session.
VIEWS_PER_SESSION = 2.5

#: A further page view is of one of so many sessions, the newest.
OPEN_SESSIONS = 2000

#: Every customer's tracking numbers.
POOL = 200

_HEAD = (
    "POST /v1/sessions HTTP/1.1\r\n"
    "Host: collector.example\r\n"
    "Connection: keep-alive\r\n"
    "Content-Length: {length}\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36\r\n"
    "Content-Type: text/plain;charset=UTF-8\r\n"
    "Accept: */*\r\n"
    "Origin: {origin}\r\n"
    "Sec-Fetch-Site: cross-site\r\n"
    "Sec-Fetch-Mode: no-cors\r\n"
    "Sec-Fetch-Dest: empty\r\n"
    "Referer: {origin}/\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: fr-FR,fr;q=0.9,en;q=0.8\r\n"
    "X-Forwarded-For: 192.0.2.7\r\n"
    "X-Forwarded-Proto: https\r\n"
    "\r\n"
)


def origin_of(project_id: int) -> str:
    """Where a customer's pages live."""
    return f"https://shop-{project_id}.example"


def requests(number: int, seed: int) -> list[bytes]:
    """So many requests; the same seed makes the same, another one's sessions are all new."""
    return list(_requests(number, random.Random(seed)))  # noqa: S311 - it has to be repeatable


def _requests(number: int, chance: random.Random) -> Iterator[bytes]:
    sessions: list[bytes] = []
    for _ in range(number):
        if not sessions or chance.random() < 1 / VIEWS_PER_SESSION:
            request = _first_view(chance)
            if len(sessions) < OPEN_SESSIONS:
                sessions.append(request)
            else:
                sessions[chance.randrange(OPEN_SESSIONS)] = request
            yield request
        else:
            yield chance.choice(sessions)


def _first_view(chance: random.Random) -> bytes:
    project_id = chance.choice(PROJECTS)
    user_id = uuid.UUID(int=chance.getrandbits(128), version=4)
    line = chance.randrange(POOL)
    keys = {
        "visitor_id": f"v-{chance.getrandbits(48):012x}",
        "tracking_number": f"01 99 00 {line // 100:02d} {line % 100:02d}",
    }
    if chance.random() < 0.6:
        keys["reference"] = f"basket-{chance.randrange(10**8)}"
    told = {"projectId": project_id, "sessionKey": f"{user_id}.{chance.randint(1, 9)}"}
    body = json.dumps({**told, "keys": keys}, separators=(",", ":")).encode()
    head = _HEAD.format(length=len(body), origin=origin_of(project_id))
    return head.encode() + body
