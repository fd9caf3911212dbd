"""The deadline 1, 3, 5, 20 and 60 working days after every day of 2023 to 2026 (`2024-09-30 5 2024-10-12`), by
chinesecalendar, for tests/it/calendar.rs; `-` where it lies beyond the years that are published."""

import bisect
import datetime

import chinese_calendar

days = [datetime.date(2023, 1, 1) + datetime.timedelta(n) for n in range(1461)]
worked = [day for day in days if chinese_calendar.is_workday(day)]
for day in days:
    first = bisect.bisect_right(worked, day)
    for n in (1, 3, 5, 20, 60):
        at = first + n - 1
        print(day, n, worked[at] if at < len(worked) else "-")
