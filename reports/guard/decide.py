"""The decision on a paragraph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from reports.guard import bases, bind, claims, closed, standing, when, windows
from reports.guard.bind import Bound
from reports.guard.derive import DerivationError, Derived, compute
from reports.guard.labels import Label, Vocabulary
from reports.guard.model import Context, Link, Paragraph, Refusal, Value, Verdict
from reports.guard.reading import Objection, Reading
from reports.guard.scan import Sentence, scan
from reports.guard.when import Named, When
from reports.guard.windows import Window


@dataclass(frozen=True)
class _Case:
    """A paragraph with what may be stated in it."""

    language: str
    context: Context
    cited: tuple[Value, ...]
    derived: tuple[Derived, ...]

    @property
    def dates(self) -> list[tuple[Value, When]]:
        """Cited values that are dates."""
        found: list[tuple[Value, When]] = []
        for value in self.cited:
            if isinstance(value.value, date):
                day = value.value
                found.append((value, When("day", day.year, day.month, day.day)))
        return found

    @property
    def stated(self) -> tuple[Value, ...]:
        """Cited values and those derived from."""
        return (*self.cited, *(value for derived in self.derived for value in derived.of))

    @property
    def numbers(self) -> list[bind.Candidate]:
        """Cited numbers, then derivations."""
        plain = [v for v in self.cited if not isinstance(v.value, date) and v.rank_of is None]
        ranks = [v for v in self.cited if v.rank_of is not None]
        return [*plain, *self.derived, *ranks]


def check(paragraph: Paragraph, context: Context, language: str = "en") -> Verdict:
    """Whether every number, date and claim of direction in a paragraph is true of its facts.

    Args:
        paragraph: the text, what it cites and what it derives.
        context: all values that there are.
        language: BCP 47, of the text.

    Returns:
        Refusals, each with sentence, number and rule, and a link for each accepted number.
    """
    by_id = {value.id: value for value in context.values}
    refusals = [
        Refusal("", name, "no_such_fact", f"no value has the id {name!r}")
        for name in paragraph.cites
        if name not in by_id
    ]
    derived: list[Derived] = []
    for derivation in paragraph.derivations:
        try:
            derived.append(compute(derivation, by_id))
        except DerivationError as error:
            refusals.append(Refusal("", derivation.op, "derivation", str(error)))
    cited = tuple(by_id[name] for name in dict.fromkeys(paragraph.cites) if name in by_id)
    case = _Case(language, context, cited, tuple(derived))
    links: list[Link] = []
    vocabulary = Vocabulary(context.values, language)
    topics: tuple[Label, ...] = ()
    members: tuple[Label, ...] = ()
    for sentence in scan(paragraph.text, vocabulary, language):
        reading = Reading(
            sentence, language, context.known, context.values, topics, members
        )  # fmt: skip
        for found in _judged(reading, case):
            if isinstance(found, Link):
                links.append(found)
            else:
                start, end, objection = found
                refusals.append(_refusal(paragraph.text, sentence, start, end, objection))
        topics = tuple(m for m in sentence.labels if m.names) or topics
        members = tuple(m for m in sentence.labels if m.entities) or members
    return Verdict(tuple(refusals), tuple(sorted(links, key=lambda link: link.start)))


def _judged(reading: Reading, case: _Case) -> Iterator[Link | claims.Claim]:
    bound: list[Bound] = []
    counts = windows.find(reading, case.cited)
    periods = {window.number for window in counts}
    for number, quantity in enumerate(reading.sentence.numbers):
        if number in periods:
            continue
        answer = bind.bind(reading, number, case.numbers)
        if isinstance(answer, Bound):
            bound.append(answer)
            yield Link(quantity.start, quantity.end, answer.ids)
        else:
            yield quantity.start, quantity.end, answer
    for named in reading.sentence.periods:
        yield from _named(named, case)
    yield from closed.claims(
        reading, bool(case.stated), case.stated, frozenset(d.op for d in case.derived), counts
    )
    yield from standing.claims(reading, bound, case.cited)
    yield from claims.directions(reading, bound, case.cited, case.derived)
    # "#4" is a place that has been bound as a number.
    ranked = [
        claims.Ranked(reading.sentence.numbers[item.number].start, item.candidate)
        for item in bound
        if isinstance(item.candidate, Value) and item.candidate.rank_of is not None
    ]
    for claim in claims.ranks(reading, bound, case.cited):
        if not isinstance(claim, claims.Ranked):
            yield claim
            continue
        ranked.append(claim)
        if claim.end is not None:
            yield Link(claim.start, claim.end, (claim.rank.id,))
    for window in counts:
        yield _windowed(reading, window, ranked)


def _windowed(
    reading: Reading, window: Window, ranked: Sequence[claims.Ranked]
) -> Link | claims.Claim:
    """A count of periods belongs to the rank stated last before it, else to the first one."""
    quantity = reading.sentence.numbers[window.number]
    in_order = sorted(ranked, key=lambda claim: claim.start)
    before = [claim.rank for claim in in_order if claim.start < quantity.start]
    rank = before[-1] if before else next((claim.rank for claim in in_order), None)
    wrong = windows.objection(reading, window, rank)
    if wrong is not None or rank is None:
        return quantity.start, quantity.end, wrong or Objection("rank", "is of no rank")
    return Link(quantity.start, quantity.end, (rank.id,))


def _named(named: Named, case: _Case) -> Iterator[Link | claims.Claim]:
    """A period or date must be a cited one, a known one, or hold one of them."""
    for value, day in case.dates:
        if day.same(named.when):
            yield Link(named.start, named.end, (value.id,))
            return
    if named.when.kind.startswith("back:"):
        if not _is_before(named.when, case):
            yield named.start, named.end, Objection("period", "is compared with by no cited value")
        return
    for period in _periods(case):
        own = when.parse(period, case.language)
        if own is not None and (own.same(named.when) or named.when.holds(own)):
            return
    if named.when.kind == "span" and _ends_known(named.when, case):
        return
    for value in case.cited:
        if named.bare and not isinstance(value.value, date) and value.exact == named.when.year:
            yield Link(named.start, named.end, (value.id,))
            return
    yield named.start, named.end, Objection("period", "is the period of no cited value")


def _is_before(phrase: When, case: _Case) -> bool:
    """Whether a cited value, or the report itself, looks back as far as a phrase says."""
    pairs = [(v.period, v.compared_to) for v in case.cited if v.compared_to]
    pairs += [(d.of[0].period, d.of[1].period) for d in case.derived if d.signed]
    now = case.context.known[:1]
    pairs += [(now[0], then) for then in _periods(case) if now]
    return any(
        bases.fits(phrase, when.parse(one, case.language), when.parse(other, case.language))
        for one, other in pairs
    )


def _periods(case: _Case) -> Sequence[str]:
    cited = [p for v in case.cited for p in (v.period, v.compared_to) if p]
    operands = [v.period for d in case.derived for v in d.of if v.period]
    return list(dict.fromkeys((*case.context.known, *cited, *operands)))


def _ends_known(span: When, case: _Case) -> bool:
    known = [w for p in _periods(case) if (w := when.parse(p, case.language)) is not None]
    return all(
        end is not None and any(w.same(end) for w in known) for end in (span.first, span.last)
    )


def _refusal(text: str, sentence: Sentence, start: int, end: int, objection: Objection) -> Refusal:
    number = text[start:end]
    return Refusal(
        text[sentence.start : sentence.end],
        number,
        objection.rule,
        f"{number!r} {objection.message}",
    )
