"""A day's insights: figures of every category, and what a model adds to those it is asked about.

Texts that the stream routed to the costly step are the ones that are worth a model's attention.
What cannot be had (no endpoint, no budget, an answer that does not come or does not hold) is named
in the figures' ``missing``; the rest is made all the same.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from platform_assets.core.settings import Settings
from reports.document import Passage
from reports.enrichment.judge import judge
from reports.enrichment.keep import Answers, Budget
from reports.enrichment.model import Cost, Insight, Part, Source
from reports.enrichment.pack import Bins, pack
from reports.enrichment.prompt import RULES, Answer, PartAnswer
from reports.narrative.brief import NarratorError, Usage
from reports.narrative.endpoint import BudgetError, Endpoint, tokens_of

if TYPE_CHECKING:
    from pybreaker import CircuitBreaker

Retrieve = Callable[[str], Sequence[Passage]]
"""Passages of the sector's documents for a query, best first."""

FAILURES, PAUSE_SECONDS = 3, 60
"""Failed requests in a row after which the endpoint is left alone, and for how long."""
DEADLINE_SECONDS = 900.0
"""Of a day's requests: what is not asked by then is missing."""
LONGEST = 1_000
"""Characters of a text that the model is shown."""
_ANSWER_TOKENS = 600
"""Asked for each part of a request."""
_PHRASES = 5

NO_ENDPOINT = "summary, notes and flags: no model; set WEIR_LLM_URL and WEIR_LLM_MODEL"
NO_PASSAGES = "notes: no documents of the sector; set WEIR_TEXT_COLLECTION"
NO_BUDGET = "today's tokens are spent; see WEIR_LLM_DAILY_TOKENS"
NO_ROUTE = "summary and flags: no text was routed to the costly step"


@dataclass
class _Asked:
    """What came of asking, by the part's index."""

    answers: dict[int, PartAnswer] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    requests: int = 0
    usage: Usage = field(default_factory=Usage)


def enrich(
    settings: Settings,
    sources: Sequence[Source],
    retrieve: Retrieve | None = None,
    breaker: CircuitBreaker | None = None,
) -> tuple[list[Insight], Cost]:
    """The insights of texts that belong together, e.g. of a day; raises nothing of the endpoint's.

    Args:
        settings: the endpoint (``llm_*``), its budget and the size of a request.
        sources: every text, routed or not.
        retrieve: finds passages; None: there are no documents.
        breaker: that stands before the endpoint; None: one of its own.

    Returns:
        ``figures`` of every category, with the model's insights after each; and the cost.
    """
    figures = list(_figures(sources))
    missing: dict[str, list[str]] = {one.category: [] for one in figures}
    routed = {one.category for one in sources if one.route != "quick"}
    for category, notes in missing.items():
        if not settings.llm_url:
            notes.append(NO_ENDPOINT)
        elif category not in routed:
            notes.append(NO_ROUTE)
        elif retrieve is None:
            notes.append(NO_PASSAGES)
    if not settings.llm_url:
        return [replace(one, missing=tuple(missing[one.category])) for one in figures], Cost()
    parts = list(parts_of(settings, sources, retrieve))
    answers = Answers(settings)
    digests = [part.digest(settings.llm_model) for part in parts]
    known = {at: one for at, digest in enumerate(digests) if (one := answers.find(digest))}
    asked = _ask(settings, parts, [at for at in range(len(parts)) if at not in known], breaker)
    for at, answer in asked.answers.items():
        answers.keep(digests[at], answer)
    refused = 0
    found: dict[str, list[Insight]] = {one.category: [] for one in figures}
    for at, part in enumerate(parts):
        if (given := known.get(at) or asked.answers.get(at)) is None:
            missing[part.category].append(f"summary, notes and flags: {asked.failed[at]}")
            continue
        judged = judge(part, given, settings.llm_model)
        found[part.category] += judged.insights
        missing[part.category] += judged.refused
        refused += len(judged.refused)
    insights = [
        insight
        for one in figures
        for insight in (
            replace(one, missing=tuple(dict.fromkeys(missing[one.category]))),
            *found[one.category],
        )
    ]
    return insights, Cost(
        len(parts), len(known), asked.requests, asked.usage.prompt_tokens,
        asked.usage.completion_tokens, refused, Counter(asked.failed.values()),
    )  # fmt: skip


def new_breaker() -> CircuitBreaker:
    """A circuit breaker: opens after :data:`FAILURES`, tries again after :data:`PAUSE_SECONDS`."""
    import pybreaker

    return pybreaker.CircuitBreaker(
        fail_max=FAILURES, reset_timeout=PAUSE_SECONDS, exclude=[BudgetError]
    )


def _figures(sources: Sequence[Source]) -> Iterable[Insight]:
    """What can be counted, in words; the same texts give the same."""
    for category in sorted({one.category for one in sources}):
        own = [one for one in sources if one.category == category]
        feelings = Counter(one.sentiment for one in own if one.sentiment)
        phrases = Counter(phrase.lower() for one in own for phrase in one.phrases)
        ranked = sorted(phrases.items(), key=lambda found: (-found[1], found[0]))[:_PHRASES]
        told = [f"{len(own)} {'text' if len(own) == 1 else 'texts'}"]
        told += [f"{count} {name}" for name, count in sorted(feelings.items())]
        text = ", ".join(told)
        if ranked:
            text += "; " + ", ".join(phrase for phrase, _ in ranked)
        yield Insight("figures", category, f"{text}.", texts=tuple(one.id for one in own))


def parts_of(
    settings: Settings, sources: Sequence[Source], retrieve: Retrieve | None
) -> Iterable[Part]:
    """Routed texts by category, cut where a request would be too small for them."""
    for category in sorted({one.category for one in sources if one.route != "quick"}):
        own = [
            replace(one, text=one.text[:LONGEST])
            for one in sources
            if one.category == category and one.route != "quick" and one.text.strip()
        ]
        phrases = Counter(phrase for one in own for phrase in one.phrases)
        query = " ".join([category, *(phrase for phrase, _ in phrases.most_common(_PHRASES))])
        passages = tuple(retrieve(query)) if retrieve and own else ()
        part = Part("", category, (), passages)
        for one in own:
            more = replace(part, texts=(*part.texts, one))
            if part.texts and size_of(more) > capacity(settings):
                yield part
                more = replace(part, texts=(one,))
            part = more
        if part.texts:
            yield part


def size_of(part: Part) -> int:
    """Tokens of a part within a request, its answer included."""
    return tokens_of(str(part.data())) + _ANSWER_TOKENS


def capacity(settings: Settings) -> int:
    """Tokens of a request's parts."""
    return settings.llm_request_tokens - overhead()


def overhead() -> int:
    """Tokens that each request costs before its first part."""
    return tokens_of(RULES) + tokens_of(str(Answer.model_json_schema()))


def _ask(
    settings: Settings, parts: Sequence[Part], wanted: Sequence[int], breaker: CircuitBreaker | None
) -> _Asked:
    """Ask about parts in as few requests as they fit into; a failure costs its own parts alone."""
    import pybreaker

    budget, asked = Budget(settings), _Asked()
    breaker, end = breaker or new_breaker(), time.monotonic() + DEADLINE_SECONDS
    for places in _requests(settings, parts, wanted):
        if time.monotonic() > end:
            _fail(asked, places, f"no time was left after {DEADLINE_SECONDS:.0f} s")
            continue
        if (left := budget.left()) <= 0:
            _fail(asked, places, NO_BUDGET)
            continue
        endpoint = Endpoint(settings, left, "WEIR_LLM_DAILY_TOKENS")
        data = {"parts": [replace(parts[at], id=str(at)).data() for at in places]}
        try:
            answer = breaker.call(
                endpoint.ask, RULES, data, Answer, "insights", _ANSWER_TOKENS * len(places)
            )
        except pybreaker.CircuitBreakerError:
            _fail(asked, places, f"the model endpoint failed {FAILURES} times and is left alone")
        except NarratorError as error:
            _fail(asked, places, error.message)
        else:
            given = {one.id: one for one in answer.parts}
            for at in places:
                if str(at) in given:
                    asked.answers[at] = given[str(at)].model_copy(update={"id": ""})
                else:
                    asked.failed[at] = "the model left this part out"
        finally:
            if endpoint.usage.tokens:
                asked.requests += 1
                asked.usage += endpoint.usage
                budget.spend(endpoint.usage.tokens)
    return asked


def _requests(settings: Settings, parts: Sequence[Part], wanted: Sequence[int]) -> Bins:
    if not wanted:
        return []
    # A part of one long text may be larger than a request should be: it goes alone.
    most = capacity(settings)
    sizes = [min(size_of(parts[at]), most) for at in wanted]
    return [sorted(wanted[place] for place in some) for some in pack(sizes, most).bins]


def _fail(asked: _Asked, places: Sequence[int], why: str) -> None:
    asked.failed |= dict.fromkeys(places, why)
