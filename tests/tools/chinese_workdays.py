"""Every day of 2023 to 2026 and whether it is worked (`2024-10-12 1`), by chinesecalendar, for tests/it/calendar.rs."""

import datetime

import chinese_calendar

day = datetime.date(2023, 1, 1)
while day.year < 2027:
    print(day, int(chinese_calendar.is_workday(day)))
    day += datetime.timedelta(1)
