"""Alerts into incidents and messages: laws over any course of events, and the cases people meet."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from platform_assets.alerts.board import NAMED, Board, Due
from platform_assets.alerts.model import Kind, Raised, Silence
from platform_assets.alerts.wording import LONGEST, notification
from platform_assets.messaging import Event, Severity
from platform_assets.messaging.grouping import Grouping, Inhibition
from platform_assets.messaging.matchers import Matcher
from platform_assets.messaging.routing import Destination

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
TO_LOG = Destination(("log",))
TO_HEAD = Destination(("log",), ((30 * MINUTE, ("slack:#head",)),))


def raised(
    alert: str, kind: Kind = Kind.OPENED, at: float = 0.0, ratio: float = 2.0, **more: Any
) -> Raised:
    stream, _, series = alert.partition("/")
    made = Raised(
        id=f"{alert}:{kind.value}:{at}", kind=kind, alert=f"{alert}@0", at=at, opened_at=at,
        stream=stream, series=series, signal="power", severity="warning", owner="team:a",
        source=f"anomalies of {stream}", title=f"{stream}: power of {series} is unusual",
        body="the body", link="http://d/x", value=7.0, unit="kW", score=6.0, threshold=3.0,
        ratio=ratio,
    )  # fmt: skip
    return replace(made, **more)


@dataclass
class Desk:
    """A board with a clock; closed incidents are put away as the store does."""

    board: Board
    now: float = 1_000_000.0
    made: list[Due] = field(default_factory=list)
    of: dict[str, list[str]] = field(default_factory=dict)
    over: dict[str, Any] = field(default_factory=dict)
    loud_since: dict[str, float] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def take(self, event: Raised, to: Destination = TO_LOG) -> None:
        known = set(self.board.alerts)
        self.board.take(event, to, self.now)
        if event.alert not in known and event.alert in self.board.alerts:
            self.of.setdefault(event.alert, []).append(self.board.alerts[event.alert].incident)

    def look(self, wait: float = 0.0) -> list[Due]:
        self.now += wait
        found = self.board.look(self.now)
        self.made += found
        self.told |= {one.id for one in self.board.alerts.values() if one.told}
        for name, incident in list(self.board.incidents.items()):
            if incident.ended_at is not None:
                self.over[name] = self.board.incidents.pop(name)
                for alert in [a for a in self.board.alerts.values() if a.incident == name]:
                    del self.board.alerts[alert.id]
        return found

    def kinds(self, incident: str | None = None) -> list[str]:
        return [d.kind.value for d in self.made if incident in (None, d.incident.id)]


def desk(**grouping: Any) -> Desk:
    return Desk(Board(Grouping.model_validate(grouping)))


courses = st.lists(
    st.one_of(
        st.tuples(st.just("fire"), st.integers(0, 11), st.floats(1.1, 50)),
        st.tuples(st.just("end"), st.integers(0, 11), st.just(0.0)),
        st.tuples(st.just("wait"), st.integers(0, 4), st.floats(1, 5 * HOUR)),
        st.tuples(st.just("silence"), st.integers(0, 2), st.floats(MINUTE, DAY)),
        st.tuples(st.just("ack"), st.integers(0, 3), st.just(0.0)),
    ),
    max_size=60,
)


@given(courses, st.sampled_from([(), ("stream",), ("owner",)]))
def test_laws_of_any_course(course: list[tuple[str, int, float]], by: tuple[str, ...]) -> None:
    to = desk(group_by=by)
    firing: dict[int, str] = {}
    ever_silenced: set[str] = set()
    born = 0
    for what, number, amount in course:
        stream = f"s{number % 3}"
        if what == "fire" and number in firing:
            event = raised(firing[number], Kind.UPDATED, to.now, amount)
            to.take(event, TO_HEAD)
        elif what == "fire":
            born += 1
            firing[number] = f"{stream}/m{number}-{born}"
            to.take(raised(firing[number], at=to.now, ratio=amount), TO_HEAD)
        elif what == "end" and number in firing:
            to.take(raised(firing.pop(number), Kind.RECOVERED, to.now), TO_HEAD)
        elif what == "silence":
            made = Silence(f"x{len(to.board.silences)}", (Matcher("stream", "=", stream),), to.now,
                           to.now + amount)  # fmt: skip
            to.board.silences = [*to.board.silences, made]
        elif what == "ack":
            for incident in list(to.board.incidents.values())[number : number + 1]:
                incident.acked_at, incident.acked_by = to.now, "anna"
        elif what == "wait":
            to.look(amount / 7)
            to.look(amount)
        ever_silenced |= {
            one.id for one in to.board.alerts.values()
            if any(s.state(to.now) == "active" and s.mutes(one.labels) for s in to.board.silences)
        }  # fmt: skip
    for series in firing.values():
        to.take(raised(series, Kind.RECOVERED, to.now), TO_HEAD)
    for _ in range(4):
        to.look(DAY)
    assert not to.board.incidents
    assert len(to.of) == born
    # Every alert belongs to exactly one incident.
    assert all(len(found) == 1 for found in to.of.values())
    # What was never silenced was told.
    assert set(to.of) - ever_silenced <= to.told
    for incident in to.over.values():
        kinds = Counter(to.kinds(incident.id))
        # One opening and one recovery, or nobody ever heard of it.
        assert (kinds["opened"], kinds["recovered"]) in ((1, 1), (0, 0))
        if not kinds["opened"]:
            assert not kinds
            assert {a for a, of in to.of.items() if of == [incident.id]} <= ever_silenced
            continue
        lasted = incident.ended_at - incident.first_told_at
        assert kinds["updated"] <= to.board.grouping.most_updates(lasted)
        assert kinds["escalated"] <= 1
        assert kinds["acknowledged"] <= 1
        assert to.kinds(incident.id)[0] == "opened"
        assert to.kinds(incident.id)[-1] == "recovered"


def test_an_incident_of_a_day_is_ten_messages_at_most() -> None:
    assert 2 + Grouping().most_updates(DAY) <= 10


def test_late_joiners_join_and_what_comes_much_later_is_another_incident() -> None:
    to = desk()
    to.take(raised("s/a"))
    assert [d.kind for d in to.look()] == [Kind.OPENED]
    to.take(raised("t/b"))
    assert to.look(MINUTE) == []
    (due,) = to.look(4 * MINUTE)
    assert (due.kind, due.counts.news, due.counts.series) == (Kind.UPDATED, 1, 2)
    to.now += 2 * HOUR
    to.take(raised("u/c"))
    assert [d.kind for d in to.look()] == [Kind.OPENED]
    assert len(to.board.incidents) == 2


def test_recovery_waits_for_who_flickers() -> None:
    to = desk()
    to.take(raised("s/a"))
    to.look()
    to.take(raised("s/a", Kind.RECOVERED))
    assert to.look(4 * MINUTE) == []
    to.take(raised("s/b"))
    to.look(10 * MINUTE)
    to.take(raised("s/b", Kind.RECOVERED))
    to.look(6 * MINUTE)
    assert to.kinds() == ["opened", "updated", "recovered"]


def test_what_ends_before_anybody_looked_is_told_all_the_same() -> None:
    to = desk()
    to.take(raised("s/a"))
    to.take(raised("s/a", Kind.RECOVERED))
    to.look()
    to.look(HOUR)
    assert to.kinds() == ["opened", "recovered"]


def test_unacknowledged_incidents_escalate_once_and_acknowledged_ones_do_not() -> None:
    for acked in (False, True):
        to = desk()
        to.take(raised("s/a"), TO_HEAD)
        to.look()
        (incident,) = to.board.incidents.values()
        if acked:
            incident.acked_at, incident.acked_by = to.now, "anna"
        to.look(29 * MINUTE)
        found = [d for d in to.look(2 * MINUTE) if d.kind is Kind.ESCALATED]
        assert [d.places for d in found] == ([] if acked else [("slack:#head",)])
        to.take(raised("s/a", Kind.RECOVERED))
        (last,) = to.look(HOUR)
        # Who was told that it is bad is told that it is over.
        assert last.places == (("log",) if acked else ("log", "slack:#head"))


def test_a_silence_mutes_and_at_its_end_what_still_fires_is_told() -> None:
    to = desk()
    to.board.silences = [Silence("x", (Matcher.parse("stream=s"),), to.now, to.now + HOUR)]
    to.take(raised("s/a"))
    to.take(raised("t/b"))
    (due,) = to.look()
    assert [one.series for one in due.worst] == ["b"]
    assert [h.alert for h in to.board.happened if h.kind is Kind.SILENCED] == ["s/a@0"]
    assert to.look(30 * MINUTE) == []
    (due,) = to.look(31 * MINUTE)
    assert (due.kind, [one.series for one in due.worst]) == (Kind.OPENED, ["a"])


def test_an_inhibited_alert_is_told_when_its_cause_is_over() -> None:
    rule = Inhibition.model_validate(
        {"source_matchers": "severity=error", "target_matchers": "severity=warning",
         "equal": ["stream"]}
    )  # fmt: skip
    to = Desk(Board(Grouping(), [rule]))
    to.take(raised("s/cause", severity="error"))
    to.take(raised("s/effect"))
    to.take(raised("t/other"))
    (due,) = to.look()
    assert {one.series for one in due.worst} == {"cause", "other"}
    assert due.counts.muted == 1
    to.take(raised("s/cause", Kind.RECOVERED, severity="error"))
    (due,) = to.look(6 * MINUTE)
    assert (due.kind, due.counts.news) == (Kind.UPDATED, 1)


def test_a_message_names_the_worst_and_is_short() -> None:
    to = desk()
    for number in range(1000):
        to.take(raised(f"s{number % 9}/m{number}", ratio=1.0 + number, title="x" * 500))
    (due,) = to.look()
    note = notification(due, "the body", "https://weir.example")
    assert [one.series for one in due.worst] == [f"m{n}" for n in range(999, 999 - NAMED, -1)]
    assert "Alerts: 1,000 (1,000 firing, 0 recovered) on 1,000 series" in note.body
    assert "4 more streams" in note.body
    assert len(note.body) < LONGEST + 200
    assert len(note.title) <= 200
    assert note.link == f"https://weir.example/alerts/{due.incident.id}"
    assert (note.event, note.severity) == (Event.OPENED, Severity.WARNING)
    alone = desk()
    alone.take(raised("s/a"))
    note = notification(alone.look()[0], "the body", "")
    assert note.body.startswith("the body")
    assert note.title == "s: power of a is unusual"
