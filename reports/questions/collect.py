"""Walks over the items of a question and says what they ask for, metric by metric unknown yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from reports.questions import lexicon
from reports.questions.forms import RANKS, groups, plain_number, plural, rank_of
from reports.questions.outcomes import NotUnderstoodError
from reports.questions.query import Having
from reports.questions.reading import Item, Kind, Strength
from reports.questions.windows import Window
from reports.questions.words import Token

_BOUNDS = {Kind.MORE: ">", Kind.LESS: "<", Kind.AT_LEAST: ">=", Kind.AT_MOST: "<="}
_QUIET = (
    Kind.FILLER, Kind.IS, Kind.WHERE, Kind.TOTAL, Kind.HOW_MUCH, Kind.AND, Kind.WHICH, Kind.AGAIN,
    Kind.QUALIFIER, Kind.FOR, Kind.SPLIT,
)  # fmt: skip


_MEMBERS = (
    Kind.UNKNOWN, Kind.NAME, Kind.DIMENSION, Kind.NUMBER, Kind.AND, Kind.FILLER,
)  # fmt: skip
"""What may stand between the members that do not count."""
_FLAGS = (Kind.WHY, Kind.UP, Kind.DOWN, Kind.CHANGE, Kind.HOW_MANY, Kind.AVERAGE)
TREND = "trend"
"""A grain that the length of the period decides."""


@dataclass
class Found:
    """What the items say, before it is known which metric they are of."""

    metrics: list[tuple[Item, Strength]] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    versus: bool = False
    earlier: str = ""
    by: list[set[str]] = field(default_factory=list)
    grains: list[str] = field(default_factory=list)
    bare: list[Item] = field(default_factory=list)
    numbered: list[tuple[set[str], list[str], bool]] = field(default_factory=list)
    names: list[tuple[set[str] | None, list[Token], bool]] = field(default_factory=list)
    qualifiers: list[set[str]] = field(default_factory=list)
    top: int = 0
    order: str = ""
    having: Having | None = None
    flags: set[Kind] = field(default_factory=set)
    subjects: set[str] = field(default_factory=set)
    states: set[str] = field(default_factory=set)
    singular: bool = False
    days: int = 0


class Collector:
    """Walks over the items of a question, once."""

    def __init__(self, items: list[Item], found_tokens: list[Token]) -> None:
        self.items, self.tokens, self.found = items, found_tokens, Found()
        self.done: set[int] = set()
        self.stated = any(item.is_a(Kind.STATE) for item in items)
        self.sorted = any(one.is_a(*RANKS, Kind.DIMENSION, Kind.WHICH) for one in items)
        # Which machine had the highest temperature: the metric's own name asks for an order too.
        asks = any(item.is_a(Kind.WHICH) and not item.is_a(Kind.FILLER) for item in items)
        self.implied = next((rank for item in items if (rank := rank_of(item))), "") if asks else ""
        self.ranked = any(item.is_a(*RANKS) for item in items) or bool(self.implied)

    def collect(self) -> Found:
        """What they say.

        Raises:
            AmbiguousError, NotUnderstoodError: as :meth:`Grammar.parse` does.
        """
        negated, taken = "", False
        for place, item in enumerate(self.items):
            if place in self.done:
                continue
            if item.is_a(Kind.EXCEPT):
                negated, taken = item.text, False
                continue
            if taken and not item.is_a(*_MEMBERS):
                negated = ""
            before = len(self.found.names) + len(self.found.numbered)
            self._item(place, item, negated=bool(negated))
            taken = taken or len(self.found.names) + len(self.found.numbered) > before
            taken = taken and bool(negated)
        split = next((item.text for item in self.items if item.is_a(Kind.SPLIT)), "")
        if split and not (self.found.by or self.found.grains):
            raise NotUnderstoodError(f"{split!r}: by what?", word=split)
        if self.implied and not self.found.order and (self.found.by or self.found.grains):
            self.found.order = self.implied
        if negated and not taken:
            raise NotUnderstoodError(f"{negated!r} is not understood here", word=negated)
        return self.found

    def _item(self, place: int, item: Item, *, negated: bool) -> None:
        for kind, take in _TAKERS:
            if item.is_a(kind) and take(self, place, item, negated=negated):
                return
        if not item.is_a(*_QUIET):
            raise NotUnderstoodError(f"{item.text!r} is not understood here", word=item.text)

    def _time(self, _place: int, item: Item, *, negated: bool) -> bool:
        if negated:
            raise NotUnderstoodError(f"without {item.text!r} is not understood", word=item.text)
        self.found.windows.append(item.meanings[Kind.TIME])
        return True

    def _earlier(self, _place: int, item: Item, *, negated: bool) -> bool:
        del negated
        if self.found.earlier:
            raise NotUnderstoodError("two comparisons at once are not understood")
        self.found.earlier = item.meanings[Kind.EARLIER]
        return True

    def _named(self, place: int, _item: Item, *, negated: bool) -> bool:
        self._name(place, negated=negated)
        return True

    def _state(self, _place: int, item: Item, *, negated: bool) -> bool:
        if negated:
            raise NotUnderstoodError(f"not {item.text!r} is not understood", word=item.text)
        self.found.states |= item.meanings[Kind.STATE]
        return True

    def _subject(self, _place: int, item: Item, *, negated: bool) -> bool:
        if self.stated and not negated:
            self.found.subjects |= item.meanings[Kind.SUBJECT]
        return self.stated and not negated

    def _metric(self, _place: int, item: Item, *, negated: bool) -> bool:
        if negated:
            raise NotUnderstoodError(f"without {item.text!r} is not understood", word=item.text)
        if self.found.metrics and self.found.metrics[-1][0].end == item.start:
            # Of "cart conversion" neither the carts are meant nor every conversion.
            both = f"{self.found.metrics[-1][0].text} {item.text}"
            raise NotUnderstoodError(f"{both!r} is not understood", "write: … and …", word=both)
        self.found.metrics.append((item, item.meanings[Kind.METRIC]))
        return True

    def _bare(self, _place: int, item: Item, **_: bool) -> bool:
        self.found.bare.append(item)
        return True

    def _grain(self, _place: int, item: Item, **_: bool) -> bool:
        self.found.grains.append(item.meanings[Kind.GRAIN] or TREND)
        return True

    def _versus(self, _place: int, _item: Item, **_: bool) -> bool:
        self.found.versus = True
        return True

    def _rank(self, place: int, item: Item, **_: bool) -> bool:
        self._order(place, next(RANKS[kind] for kind in RANKS if item.is_a(kind)))
        return True

    def _qualifier(self, _place: int, item: Item, *, negated: bool) -> bool:
        if negated:
            raise NotUnderstoodError(f"without {item.text!r} is not understood", word=item.text)
        self.found.qualifiers.append(item.meanings[Kind.QUALIFIER])
        return True

    def _flag(self, _place: int, item: Item, **_: bool) -> bool:
        self.found.flags |= set(item.meanings) & set(_FLAGS)
        return True

    def _joins(self, place: int, _item: Item, *, negated: bool) -> bool:
        """Whether a ``to`` joins what is compared, or leads to the one name there is."""
        del negated
        _, after = self._next(place)
        names = [item for item in self.items if item.is_a(Kind.UNKNOWN, Kind.NAME)]
        if after in names and len(names) == 1:
            return True
        joins = after is not None and after.is_a(Kind.TIME, Kind.EARLIER)
        return joins and any(item.is_a(Kind.VERSUS) for item in self.items[:place])

    def _next(self, place: int, *skip: Kind) -> tuple[int, Item | None]:
        """The item after a place that is no filler."""
        for later in range(place + 1, len(self.items)):
            item = self.items[later]
            if later in self.done:
                continue
            if not item.is_a(Kind.FILLER, *skip) or item.is_a(Kind.DIMENSION, Kind.METRIC):
                return later, item
        return len(self.items), None

    def _before(self, place: int, *skip: Kind) -> Item | None:
        for earlier in range(place - 1, -1, -1):
            item = self.items[earlier]
            if not item.is_a(Kind.FILLER, *skip) or item.is_a(Kind.DIMENSION, Kind.METRIC):
                return item
        return None

    def _dimension(self, place: int, item: Item, *, negated: bool) -> bool:
        """Whether a word that names a dimension groups or filters by it here."""
        columns: set[str] = item.meanings[Kind.DIMENSION]
        return (
            self._numbered(place, columns, negated=negated)
            or self._filtered(place, item, columns, negated=negated)
            or self._grouped(place, item, columns)
        )

    def _numbered(self, place: int, columns: set[str], *, negated: bool) -> bool:
        """``meter 12``, ``meters 12 and 13``."""
        later, after = self._next(place, Kind.IS)
        if after is None or not after.is_a(Kind.NUMBER) or not self._near(place, later):
            return False
        numbers = []
        while True:
            text = str(self.items[later].meanings[Kind.NUMBER])
            if not text.isdigit():
                raise NotUnderstoodError(f"{text} is no number of a member", word=text)
            numbers.append(text)
            self.done.add(later)
            joined, both = self._next(later)
            if both is None or not both.is_a(Kind.AND):
                break
            later, more = self._next(joined)
            if more is None or not more.is_a(Kind.NUMBER):
                break
            self.done.add(joined)
        self.found.numbered.append((columns, numbers, negated))
        return True

    def _filtered(self, place: int, item: Item, columns: set[str], *, negated: bool) -> bool:
        """``country = Germany``, ``the Lyon site``."""
        later, after = self._next(place, Kind.IS)
        grouped = groups(self._before(place), ranked=self.ranked)
        equals = self._near(place, later) and later > place + 1
        if (
            after is not None
            and after.is_a(Kind.UNKNOWN, Kind.NAME)
            and (equals or (later == place + 1 and not grouped))
        ):
            self.done.add(later)
            self._name(later, negated=negated, columns=columns)
            return True
        return bool(place) and place - 1 in self.done and self._named_before(place, item, columns)

    def _near(self, place: int, later: int) -> bool:
        """Whether nothing but an equals sign stands between."""
        return later == place + 1 or (later == place + 2 and self.items[place + 1].is_a(Kind.IS))

    def _grouped(self, place: int, item: Item, columns: set[str]) -> bool:
        """``by country``, ``which countries``, ``countries with more than 100``."""
        _, after = self._next(place)
        before = self._before(place)
        bounded = after is not None and (
            after.is_a(Kind.FOR, Kind.WHERE, *_BOUNDS)
            and any(one.is_a(*_BOUNDS) for one in self.items)
        )
        asked = before is not None and before.is_a(Kind.BY, Kind.WHICH, *RANKS, Kind.NUMBER)
        counts = Kind.METRIC in item.meanings and not (
            asked and before is not None and not before.is_a(Kind.HOW_MANY)
        )
        if counts and not bounded:
            return False
        joined = before is not None and before.is_a(Kind.AND) and bool(self.found.by)
        grouped = groups(before, ranked=self.ranked) or joined
        if self.ranked and not (joined or (before is not None and before.is_a(Kind.BY))):
            key = before.key if before is not None else ""
            one = key in lexicon.ONE or not plural(item.key)
            many = key in lexicon.MANY and item.key.endswith("er")
            self.found.singular = self.found.singular or (one and not many)
        split = any(one.is_a(Kind.SPLIT) for one in self.items)
        # Of the meters: each of them, or all together? The asker is asked.
        listed = plural(item.key) and (split or (after is not None and after.is_a(Kind.BY)))
        if bounded or grouped or listed or self.ranked:
            self.found.by.append(columns)
            return True
        return False

    def _named_before(self, place: int, item: Item, columns: set[str]) -> bool:
        """``the Lyon site``: the name stands before its dimension."""
        last = self.items[place - 1]
        if not last.is_a(Kind.UNKNOWN, Kind.NAME) or plural(item.key) or not self.found.names:
            return False
        dims, run, negated = self.found.names[-1]
        if dims is not None:
            return False
        self.found.names[-1] = (columns, run, negated)
        return True

    def _name(self, place: int, *, negated: bool, columns: set[str] | None = None) -> None:
        """A run of words that nothing knows: it must be a member's name."""
        run: list[Token] = []
        end = place
        while end < len(self.items) and self.items[end].is_a(Kind.UNKNOWN, Kind.NAME):
            item = self.items[end]
            self.done.add(end)
            run += self.tokens[item.start : item.end]
            end += 1
            if item.is_a(Kind.NAME):
                break
        self.found.names.append((columns, run, negated))

    def _by(self, place: int, item: Item, **_: bool) -> bool:
        later, after = self._next(place, Kind.HOW_MANY, Kind.TOTAL)
        if after is None:
            raise NotUnderstoodError(f"{item.text!r}: by what?", word=item.text)
        if after.is_a(Kind.UNIT):
            self.done.add(later)
            self.found.grains.append(after.meanings[Kind.UNIT])
        elif not after.is_a(Kind.DIMENSION) and not (
            # The top countries by revenue; but revenue per order is another number.
            after.is_a(Kind.METRIC) and item.key in lexicon.ORDERS and self.sorted
        ):
            raise NotUnderstoodError(f"by {after.text!r} is not understood", word=after.text)
        return True

    def _unit(self, place: int, item: Item, *, negated: bool) -> bool:
        """An hour, a day, a week: of which something is asked, or more of what to group by."""
        del negated
        before = self._before(place, *RANKS)
        grouped = before is not None and (
            before.is_a(Kind.WHICH, Kind.NUMBER) or (before.is_a(Kind.AND) and self.found.grains)
        )
        if not self.ranked and not (grouped and before is not None and before.is_a(Kind.WHICH)):
            raise NotUnderstoodError(f"{item.text!r} is not understood here", word=item.text)
        self.found.grains.append(item.meanings[Kind.UNIT])
        self.found.singular = not plural(item.key)
        return True

    def _bound(self, place: int, item: Item, **_: bool) -> bool:
        later, after = self._next(place)
        if after is not None and after.is_a(Kind.TIME, Kind.EARLIER) and item.key in lexicon.THAN:
            # Lower than last week: two periods are compared.
            self.found.versus = True
            self.found.flags.add(Kind.CHANGE)
            return True
        if after is None or not after.is_a(Kind.NUMBER):
            raise NotUnderstoodError(f"{item.text!r}: than what?", word=item.text)
        self.done.add(later)
        kind = next(kind for kind in _BOUNDS if item.is_a(kind))
        number = Decimal(plain_number(str(after.meanings[Kind.NUMBER])))
        if self.found.having:
            raise NotUnderstoodError("two bounds at once are not understood")
        self.found.having = Having(_BOUNDS[kind], number)
        return True

    def _order(self, place: int, order: str) -> None:
        if self.found.order and self.found.order != order:
            raise NotUnderstoodError("the highest and the lowest at once is not understood")
        self.found.order = order
        later, after = self._next(place)
        near = later == place + 1
        if after is not None and after.is_a(Kind.NUMBER) and near:
            self.done.add(later)
            self._top(str(after.meanings[Kind.NUMBER]))

    def _number(self, place: int, item: Item, *, negated: bool) -> bool:
        """A number that is not a member's: how many are wanted."""
        del negated
        later, after = self._next(place)
        if self.stated and after is not None and after.meanings.get(Kind.UNIT) == "day":
            self.done.add(later)
            self.found.days = int(plain_number(str(item.meanings[Kind.NUMBER])))
            return True
        if self.ranked and after is not None and after.is_a(
            *RANKS, Kind.DIMENSION, Kind.UNIT
        ):  # fmt: skip
            self._top(str(item.meanings[Kind.NUMBER]))
            return True
        raise NotUnderstoodError(f"{item.text!r} is not understood here", word=item.text)

    def _top(self, text: str) -> None:
        if not text.isdigit() or not 1 <= int(text) <= 1000 or self.found.top:
            raise NotUnderstoodError(f"{text} is no number of rows, expected 1 to 1000", word=text)
        self.found.top = int(text)


_TAKERS: tuple[tuple[Kind, Callable[..., bool]], ...] = (
    (Kind.TIME, Collector._time),
    (Kind.EARLIER, Collector._earlier),
    (Kind.UNKNOWN, Collector._named),
    (Kind.NAME, Collector._named),
    (Kind.STATE, Collector._state),
    (Kind.SUBJECT, Collector._subject),
    (Kind.DIMENSION, Collector._dimension),
    (Kind.METRIC, Collector._metric),
    (Kind.DIMENSION, Collector._bare),
    (Kind.BY, Collector._by),
    (Kind.GRAIN, Collector._grain),
    (Kind.VERSUS, Collector._versus),
    *((kind, Collector._bound) for kind in _BOUNDS),
    *((kind, Collector._rank) for kind in RANKS),
    (Kind.NUMBER, Collector._number),
    (Kind.UNIT, Collector._unit),
    (Kind.QUALIFIER, Collector._qualifier),
    (Kind.TO, Collector._joins),
    *((kind, Collector._flag) for kind in _FLAGS),
)
"""What takes an item, in order; one that returns false leaves it to the next."""
