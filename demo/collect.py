"""Turn what the emitters wrote into the files of ``events/``: shift the clock, name the folders, put all in order.

    collect.py CAPTURED EVENTS

``CAPTURED`` has a folder for each day of the story, with the emitters' files and two notes of the real clock, ``began``
and ``ended``. Lines are changed as text, so that whatever is not named here stays as it was emitted:

1. Times. Each day's run really began at some moment; the story says 06:00 UTC of that day. The difference is one
   constant for the day. It is taken off every time of day that lies within the real run (with a minute around it),
   wherever it stands: event times, facets, Airflow's run names and addresses, Spark's application ids (milliseconds).
   So what lies between two events is real. Other times, the logical dates of Airflow and the data's own, stay.
2. Durations. Airflow's ``dags test`` counts a DAG run from its logical date. Such a duration contains the constant,
   and loses it.
3. Folders. The environments lived in a temporary folder, which shows in one traceback: it is called /srv/shop/env.
   Where the shop did not live in /srv/shop, that folder is renamed likewise.
4. Order. Events are sorted by event time; equal times keep the order of arrival.

Run ids stay as they are, so those of version 7 tell when the events were really made.
"""

import datetime as dt
import json
import os
import re
import sys
from pathlib import Path

START_OF_DAY = dt.time(6, tzinfo=dt.UTC)
AROUND = dt.timedelta(minutes=1)
STORY_HOME = "/srv/shop"
SOURCES = ("airflow", "dbt_and_client", "spark")

# Colons may be percent-encoded; all our tools speak UTC, as Z, +00:00 or nothing.
MOMENT = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)T(?P<hour>\d\d)(?P<colon>:|%3A)(?P<min>\d\d)(?P=colon)(?P<sec>\d\d)(?P<fraction>\.\d+)?"
)
MILLISECONDS = re.compile(r"(?<!\d)1\d{12}(?!\d)")
DURATION = re.compile(r'("duration": ?)(\d+\.\d+)')


class Clock:
    """The real and the told time of one day."""

    def __init__(self, folder: Path) -> None:
        self.began, self.ended = (
            dt.datetime.fromisoformat((folder / name).read_text().strip()) for name in ("began", "ended")
        )
        self.shift = self.began - dt.datetime.combine(dt.date.fromisoformat(folder.name), START_OF_DAY)

    def is_real(self, moment: dt.datetime) -> bool:
        """Whether the moment lies in the run, and so has to be told differently."""
        return self.began - AROUND <= moment <= self.ended + AROUND

    def _moment(self, match: re.Match[str]) -> str:
        moment = instant(match)
        if not self.is_real(moment):
            return match[0]
        # The shift is a whole number of seconds: the fraction, of 1 to 9 digits, stays as it is.
        told = moment - self.shift
        colon = match["colon"]
        return f"{told:%Y-%m-%dT%H}{colon}{told:%M}{colon}{told:%S}{match['fraction'] or ''}"

    def _milliseconds(self, match: re.Match[str]) -> str:
        moment = dt.datetime.fromtimestamp(int(match[0]) / 1000, dt.UTC)
        return str(round((moment - self.shift).timestamp() * 1000)) if self.is_real(moment) else match[0]

    def _duration(self, match: re.Match[str]) -> str:
        seconds = float(match[2]) - self.shift.total_seconds()
        return f"{match[1]}{seconds:.6f}" if seconds >= 0 else match[0]

    def tell(self, line: str) -> str:
        """The line as if it had been written on the day of the story."""
        return DURATION.sub(self._duration, MILLISECONDS.sub(self._milliseconds, MOMENT.sub(self._moment, line)))


def instant(match: re.Match[str]) -> dt.datetime:
    """The moment that ``MOMENT`` matched, to the microsecond."""
    fraction = f"{(match['fraction'] or '.')[1:7]:0<6}"  # Spark writes .15 for .150
    return dt.datetime.fromisoformat(f"{match['day']}T{match['hour']}:{match['min']}:{match['sec']}.{fraction}+00:00")


def event_time(line: str) -> dt.datetime:
    """The event's own time."""
    match = MOMENT.match(json.loads(line)["eventTime"])
    if match is None:
        raise ValueError(f"no event time in {line[:80]}")
    return instant(match)


def lines_of(file: Path) -> list[str]:
    """The lines of a file that need not be there."""
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line] if file.exists() else []


def main(captured: Path, events: Path) -> None:
    """Write one file for each day, and the requests to Headwater."""
    folders = {str(captured.parent): f"{STORY_HOME}/env", os.environ.get("SHOP_HOME", STORY_HOME): STORY_HOME}
    requests: list[str] = []
    for old in events.glob("*.ndjson"):
        old.unlink()
    for folder in sorted(captured.iterdir()):
        clock = Clock(folder)

        def told(name: str, folder: Path = folder, clock: Clock = clock) -> list[str]:
            lines = []
            for line in lines_of(folder / f"{name}.ndjson"):
                for real, ours in sorted(folders.items(), key=lambda pair: -len(pair[0])):  # one may lie in the other
                    line = line.replace(real, ours)
                lines.append(clock.tell(line))
            return lines

        day = sorted((line for name in SOURCES for line in told(name)), key=event_time)
        (events / f"{folder.name}.ndjson").write_text("\n".join(day) + "\n", encoding="utf-8")
        requests += told("models")
        print(f"{folder.name}: {len(day)} events, told {clock.shift} earlier than they were made")
    (events / "models.ndjson").write_text("\n".join(requests) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
