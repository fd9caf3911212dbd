"""Next occurrences by croniter, for tests/it/schedule_cron.rs.

Reads JSON lines `{"expr", "zone", "after"}` (seconds since 1970) and answers each with the seconds since 1970 of the
next occurrence, or `null` if croniter finds none within fifty years, or `{"refused": …}`.
An expression of six fields has its seconds first.
"""

import datetime
import json
import sys
import zoneinfo

from croniter import CroniterBadDateError, CroniterError, croniter

ZONES = {}


def zone_of(name):
    if name not in ZONES:
        # "+3600": a fixed offset.
        if name[0] in "+-":
            ZONES[name] = datetime.timezone(datetime.timedelta(seconds=int(name)))
        else:
            ZONES[name] = zoneinfo.ZoneInfo(name)
    return ZONES[name]


def answer(question):
    zone = zone_of(question["zone"])
    start = datetime.datetime.fromtimestamp(question["after"], zone)
    try:
        found = croniter(question["expr"], start, second_at_beginning=True)
        return int(found.get_next(datetime.datetime).timestamp())
    except CroniterBadDateError:
        return None
    except CroniterError as error:
        return {"refused": str(error)}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))))
