"""From the items of a question to one query; what is not understood refuses the question.

Words may stand in any order. A word that is neither known nor the name of a member carries a
meaning that the answer would lack, so it refuses the question and is named.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from platform_assets.gold.units import is_measure
from reports.questions.choose import choose, described, unit_named
from reports.questions.collect import TREND, Collector, Found
from reports.questions.members import Members, match, member_of_number
from reports.questions.nearest import nearest, nearest_metrics
from reports.questions.outcomes import AmbiguousError, NotUnderstoodError
from reports.questions.periods import timed
from reports.questions.query import Query
from reports.questions.reading import Item, Kind, Phrases, read
from reports.questions.windows import Clock
from reports.questions.words import Token, ngrams, tokens
from reports.semantics.model import Layer


@dataclass(frozen=True)
class Grammar:
    """Reads questions over a semantic layer.

    Attributes:
        layer: what can be asked for.
        phrases: its words and those of the closed class.
        members: the members of a dimension.
    """

    layer: Layer
    phrases: Phrases
    members: Members

    def parse(self, text: str, clock: Clock, context: Query | None = None) -> Query:
        """The query that a question asks for.

        Args:
            text: the question.
            clock: now, and whose days count.
            context: the query before it; a question without a metric goes on from it.

        Raises:
            AmbiguousError: it means two things.
            NotUnderstoodError: it is not understood, or nothing can answer it.
        """
        found_tokens = tokens(text)
        if not found_tokens:
            raise NotUnderstoodError("the question is empty", nearest=described(self.layer))
        items = read(found_tokens, self.phrases, clock)
        found = Collector(items, found_tokens).collect()
        if found.states:
            return self._listing(found)
        if not found.metrics:
            if context is None or context.listing is not None:
                raise self._without_metric(found)
            query = self._continued(found, context)
        else:
            query = self._made(found, self._kept(items, context))
        return query

    def _kept(self, items: list[Item], context: Query | None) -> Query | None:
        """The query that a question with a metric goes on from: one that begins with ``and``."""
        return context if items and items[0].is_a(Kind.AGAIN) and items[0].key != "same" else None

    def _listing(self, found: Found) -> Query:
        names = found.states & found.subjects
        if not names:
            hint = ", ".join(
                listing.label for m in self.layer.models.values() for listing in m.listings
            )
            raise NotUnderstoodError(
                "it is not known who may be in that state", f"what is known: {hint}"
            )
        # A name is of one model: the loader sees to it.
        model, listing = next(
            (model, listing)
            for model in self.layer.models.values()
            for listing in model.listings
            if listing.name in names
        )
        days = found.days or listing.days
        for window in found.windows:
            if window.first is None or window.after is None or window.unit != "day":
                raise NotUnderstoodError("say for how many days, e.g. inactive for 30 days")
            days = (window.after - window.first).days
        if found.names or found.numbered or found.by or found.grains or found.having:
            raise NotUnderstoodError(f"{listing.label} are known as a whole, not by anything else")
        return Query(
            listing=listing,
            listed=model,
            days=days,
            top=found.top,
            count=Kind.HOW_MANY in found.flags,
        )

    def _made(self, found: Found, context: Query | None) -> Query:
        names = [(dims, words) for dims, words, _ in found.names]
        chosen = choose(
            self.layer,
            [strength for _, strength in found.metrics],
            dimensions=[*found.by, *(set(dims) for dims, _, _ in found.numbered)],
            qualifiers=found.qualifiers,
            grain=next(iter(found.grains), ""),
            hours=any(window.first is None for window in found.windows),
            named=[(dims, words) for dims, words in names],
            members=self._matching,
            text=" ".join(item.text for item, _ in found.metrics),
            counted=Kind.HOW_MANY in found.flags,
        )
        query = Query(metrics=tuple(self.layer.metrics[name] for name in chosen))
        if context is not None:
            query = replace(
                context,
                metrics=query.metrics,
                by=tuple(c for c in context.by if c in query.model.dimensions),
                only={c: n for c, n in context.only.items() if c in query.model.dimensions},
                without={c: n for c, n in context.without.items() if c in query.model.dimensions},
                why=False,
                direction="",
            )
        self._check_counted(found, query)
        return self._with(query, found)

    def _continued(self, found: Found, context: Query) -> Query:
        """The query before, with what this question says otherwise.

        Raises:
            NotUnderstoodError: it says nothing that is understood.
        """
        if found == Found():
            raise self._without_metric(found)
        return self._with(context, found)

    def _with(self, query: Query, found: Found) -> Query:
        query = self._filtered(query, found)
        query = self._grouped(query, found)
        query = timed(query, found)
        order = found.order or query.order
        top = found.top
        if order in ("best", "worst"):
            good = query.metrics[0].good
            if good == "none":
                raise AmbiguousError(
                    f"{query.metrics[0].label} has no good side", ("highest", "lowest")
                )
            order = "desc" if (order == "best") == (good == "up") else "asc"
        if (found.order or found.having) and len(query.metrics) > 1:
            raise AmbiguousError(
                "the order or the bound of which?", [metric.label for metric in query.metrics]
            )
        grouped = bool(query.by or query.grain)
        if Kind.AVERAGE in found.flags:
            query = _mean(query, found)
            grouped = bool(query.by)
        by_change = bool(found.order and query.other) and bool(
            found.flags & {Kind.UP, Kind.DOWN, Kind.CHANGE}
        )
        if by_change and Kind.CHANGE in found.flags:
            raise AmbiguousError(
                "the largest change, as an amount or in percent?",
                ("which rose the most", "which fell the most"),
            )
        if by_change and Kind.DOWN in found.flags:
            order = {"desc": "asc", "asc": "desc"}.get(order, order)
        if order and query.by and query.grain:
            raise AmbiguousError(
                "the first of each, or of all?",
                [
                    f"by {query.grain} alone",
                    f"by {query.model.dimensions[query.by[0]].label} alone",
                ],
            )
        if found.order and not grouped:
            dims = [d.label for d in query.model.dimensions.values()]
            raise AmbiguousError(
                "the highest of what?",
                [f"by {name}" for name in [*dims, "day", "week"]],
            )
        if found.order and not top and found.singular:
            top = 1
        if found.having and not grouped:
            raise NotUnderstoodError(
                "a bound needs something to group by, e.g. countries with more than 100"
            )
        having = found.having or query.having
        return replace(
            query,
            order=order,  # type: ignore[arg-type]
            top=top or query.top,
            having=having if grouped else None,
            by_change=by_change,
        )

    def _filtered(self, query: Query, found: Found) -> Query:
        only, without = dict(query.only), dict(query.without)
        fresh: dict[tuple[str, bool], list[str]] = {}
        for dims, numbers, negated in found.numbered:
            column = _one_of(dims, query)
            dimension = query.model.dimensions[column]
            if not dimension.member:
                raise NotUnderstoodError(f"{dimension.plural} are not known by number")
            fresh.setdefault((column, negated), []).extend(
                member_of_number(dimension, number) for number in numbers
            )
        for named, words, negated in found.names:
            if unit_named(words) is not None:
                if unit_named(words) != query.metrics[0].unit or negated:
                    raise self._unknown(words[0].text, query.model.name)
                continue
            for column, name in self._named(query, named, words):
                fresh.setdefault((column, negated), []).append(name)
        for (column, negated), names in fresh.items():
            (without if negated else only)[column] = tuple(dict.fromkeys(names))
        return replace(query, only=only, without=without)

    def _named(
        self, query: Query, dims: set[str] | None, words: list[Token]
    ) -> list[tuple[str, str]]:
        """The members that a run of words names; every word must belong to one."""
        left, found = list(words), []
        while left:
            for start, end in ngrams(len(left)):
                if start:
                    continue
                hits = self._matching(query.model.name, dims, left[:end])
                if len({column for column, _ in hits}) > 1:
                    dimensions = query.model.dimensions
                    name = " ".join(token.text for token in left[:end])
                    raise AmbiguousError(
                        f"{name} is a {' and a '.join(dimensions[c].label for c, _ in hits)}",
                        [f"{dimensions[column].label} {member}" for column, member in hits],
                    )
                if hits:
                    found += hits
                    left = left[end:]
                    break
            else:
                raise self._unknown(left[0].text, query.model.name)
        return found

    def _matching(
        self, model: str, dims: set[str] | None, words: list[Token]
    ) -> list[tuple[str, str]]:
        rows = self.layer.models[model]
        return [
            (column, name)
            for column, dimension in rows.dimensions.items()
            if dims is None or column in dims
            for name in match(dimension, self.members(rows, dimension), words)
        ]

    def _grouped(self, query: Query, found: Found) -> Query:
        by = tuple(dict.fromkeys(_one_of(dims, query) for dims in found.by))
        grain = found.grains[0] if found.grains else ""
        if len(set(found.grains)) > 1:
            raise NotUnderstoodError(
                f"by {' and by '.join(found.grains)} at once is not understood"
            )
        if grain == "hour" and query.model.finest == "day":
            raise NotUnderstoodError(f"{query.metrics[0].label} is known by day, not by hour")
        for item in found.bare:
            dims = item.meanings[Kind.DIMENSION] & set(query.model.dimensions)
            if not dims:
                raise NotUnderstoodError(
                    f"{query.metrics[0].label} is not known by {item.text}", word=item.text
                )
            dimension = query.model.dimensions[min(dims)]
            raise AmbiguousError(
                f"what of the {item.text}?",
                [f"by {dimension.label}", f"{dimension.label} and its name"],
            )
        if grain == TREND:
            window = query.window or next((w for w in found.windows), None)
            hours = window is not None and (window.end - window.start).days <= 2
            grain = "hour" if hours and query.model.finest == "hour" else "day"
        if by or grain:
            return replace(query, by=by, grain=grain)
        return query

    def _check_counted(self, found: Found, query: Query) -> None:
        """``How many`` of what is an amount has no answer: returns in pound are not counted."""
        for metric in query.metrics:
            measured = metric.unit == "%" or is_measure(metric.unit)
            if Kind.HOW_MANY in found.flags and measured:
                raise NotUnderstoodError(
                    f"{metric.label} is an amount in {metric.unit}, not a number of things",
                    f"ask for the {metric.label.lower()}",
                    nearest=[metric.name],
                )

    def _without_metric(self, found: Found) -> NotUnderstoodError:
        words = [token for _, run, _ in found.names for token in run if not token.quoted]
        if words:
            return self._unknown(words[0].text)
        return NotUnderstoodError(
            "no metric is named",
            "ask for one of: " + ", ".join(described(self.layer)),
            nearest=described(self.layer),
        )

    def _unknown(self, word: str, model: str = "") -> NotUnderstoodError:
        near = nearest(word, self.phrases.vocabulary())
        metrics = nearest_metrics(word, self.layer)
        if model:
            rows = self.layer.models[model]
            names = [n for d in rows.dimensions.values() for n in self.members(rows, d)]
            near = [*near, *nearest(word, names)]
        meant = f"did you mean {' or '.join(near[:3])}?" if near else ""
        return NotUnderstoodError(
            f"{word!r} is not understood",
            meant or f"what can be asked for: {', '.join(described(self.layer))}",
            word=word,
            nearest=metrics,
        )


def _mean(query: Query, found: Found) -> Query:
    """The query for a mean of hours, days, weeks or months.

    Raises:
        NotUnderstoodError: of what the mean is wanted is not said, or it has no meaning.
    """
    if not query.grain:
        raise NotUnderstoodError(
            "the average of what is not understood",
            "write: per day, daily, per week",
            word="average",
        )
    metric = query.metrics[0]
    if len(query.metrics) > 1 or not metric.additive:
        raise NotUnderstoodError(f"an average of {metric.label} is not understood", word="average")
    if query.other or query.window is None or found.having:
        raise NotUnderstoodError("an average of one period alone is understood", word="average")
    return replace(query, mean=True)


def _one_of(dims: set[str], query: Query) -> str:
    known = sorted(dims & set(query.model.dimensions))
    if not known:
        names = ", ".join(d.label for d in query.model.dimensions.values()) or "time alone"
        raise NotUnderstoodError(
            f"{query.metrics[0].label} is not known by {' or '.join(sorted(dims))}",
            f"it is known by {names}",
        )
    return known[0]
