"""Which metric a phrase means: the one that can answer what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

from platform_assets.gold.units import is_measure
from reports.questions.lexicon import UNIT_WORDS
from reports.questions.outcomes import AmbiguousError, NotUnderstoodError
from reports.questions.reading import Strength
from reports.questions.words import Token, ngrams
from reports.semantics.model import Layer, Metric

Matching = Callable[[str, set[str] | None, list[Token]], list[tuple[str, str]]]


def choose(
    layer: Layer,
    phrases: Sequence[Strength],
    *,
    dimensions: Sequence[set[str]],
    qualifiers: Sequence[set[str]],
    grain: str,
    hours: bool,
    named: Sequence[tuple[set[str] | None, list[Token]]],
    members: Matching,
    text: str,
    counted: bool = False,
) -> list[str]:
    """Names of the metrics meant, all of one semantic model.

    A phrase means the metrics that it names and that can answer; where none can, those that go by
    that name too. Of two that can answer, the asker chooses.

    Raises:
        AmbiguousError: two can answer.
        NotUnderstoodError: none can.
    """

    def able(metric: Metric) -> str:
        """Why a metric cannot answer; empty where it can."""
        model, reasons = metric.model, []
        if counted and countable and not _is_count(metric):
            reasons.append("as a number of things")
        reasons += [
            f"by {' or '.join(sorted(wanted))}"
            for wanted in dimensions
            if not wanted & set(model.dimensions)
        ]
        if any(model.name not in models for models in qualifiers):
            reasons.append("in that business")
        if (hours or grain == "hour") and model.finest == "day":
            reasons.append("by hour")
        if not reasons:
            reasons += [reason for dims, words in named if (reason := unknown(metric, dims, words))]
        return reasons[0] if reasons else ""

    def unknown(metric: Metric, dims: set[str] | None, words: list[Token]) -> str:
        unit = unit_named(words)
        if unit is not None:
            return "" if unit == metric.unit else f"in {words[0].text}"
        if _covered(metric.model.name, dims, words, members):
            return ""
        return f"for {' '.join(token.text for token in words)}"

    named_first = [name for phrase in phrases for name in (*phrase.named, *phrase.also)]
    countable = any(_is_count(layer.metrics[name]) for name in named_first)
    levels: list[list[list[str]]] = []
    why: dict[str, str] = {}
    for phrase in phrases:
        fit = []
        for names in (phrase.named, phrase.also):
            reasons = {name: able(layer.metrics[name]) for name in names}
            why.update({name: reason for name, reason in reasons.items() if reason})
            fit.append(_without_parts(layer, [n for n, reason in reasons.items() if not reason]))
        if not any(fit):
            raise _refused(layer, text, why, named)
        levels.append(fit)
    together = [phrase.together for phrase in phrases]
    chosen = _agreed(layer, levels, together)
    if len(chosen) > 1:
        labels = [" and ".join(layer.metrics[name].label for name in one) for one in chosen]
        raise AmbiguousError(f"{text!r} may mean {len(chosen)} things", labels)
    if not chosen:
        raise NotUnderstoodError(
            f"{text}: these are of different tables", "ask for one of them at a time"
        )
    return chosen[0]


def _is_count(metric: Metric) -> bool:
    """Whether it counts things, and is no amount, share or mean."""
    return bool(metric.unit) and metric.unit != "%" and not is_measure(metric.unit)


def unit_named(words: Sequence[Token]) -> str | None:
    """The unit that a run of words is; None where it is none."""
    return UNIT_WORDS.get(words[0].key) if len(words) == 1 else None


def _without_parts(layer: Layer, names: list[str]) -> list[str]:
    """Names without those that only explain another one of them: purchases, and by product."""
    parts = {layer.metrics[name].explained_by for name in names}
    return [name for name in names if name not in parts]


def _agreed(
    layer: Layer, levels: Sequence[list[list[str]]], together: Sequence[bool]
) -> list[list[str]]:
    """The choices of one metric for each phrase that have one model, the strongest ones alone."""
    options = [
        [fit[0]] if joined and fit[0] else [[name] for name in (fit[0] or fit[1])]
        for fit, joined in zip(levels, together, strict=True)
    ]
    wider = [
        [fit[0]] if joined and fit[0] else [[name] for name in [*fit[0], *fit[1]]]
        for fit, joined in zip(levels, together, strict=True)
    ]
    for found in (options, wider):
        agreed = []
        for one in product(*found):
            names = list(dict.fromkeys(name for part in one for name in part))
            models = {layer.metrics[name].model.name for name in names}
            if len(models) == 1 and names not in agreed:
                agreed.append(names)
        fewest = min((len(names) for names in agreed), default=0)
        short = [names for names in agreed if len(names) == fewest]
        if len(short) == 1 and len(levels) > fewest:
            return short  # the rating of the ratings: two words for one metric
        if agreed:
            return agreed
    return []


def _covered(model: str, dims: set[str] | None, words: list[Token], members: Matching) -> bool:
    """Whether a run of words is made of names of a model's members."""
    left = list(words)
    while left:
        for start, end in ngrams(len(left)):
            if not start and members(model, dims, left[:end]):
                left = left[end:]
                break
        else:
            return False
    return True


def _refused(
    layer: Layer,
    text: str,
    why: dict[str, str],
    named: Sequence[tuple[set[str] | None, list[Token]]],
) -> NotUnderstoodError:
    if any(reason.startswith("for ") for reason in why.values()):
        from reports.questions.nearest import nearest

        word = " ".join(token.text for token in named[0][1])
        known = [
            phrase
            for metric in layer.public
            for phrases in (*metric.phrases.values(), *metric.also.values())
            for phrase in phrases
        ]
        near = nearest(word, known)
        hint = f"did you mean {' or '.join(near)}?" if near else ""
        labels = [layer.metrics[name].label for name in why]
        return NotUnderstoodError(
            f"{word!r} is not understood", hint, word=named[0][1][0].text, nearest=labels
        )
    parts = "; ".join(
        f"{layer.metrics[name].label} is not known {reason}" for name, reason in why.items()
    )
    known_by = sorted(
        {d.label for name in why for d in layer.metrics[name].model.dimensions.values()}
    )
    return NotUnderstoodError(
        f"{text}: {parts}",
        f"it is known by {', '.join([*known_by, 'time'])}",
        nearest=[layer.metrics[name].label for name in why],
    )


def described(layer: Layer) -> list[str]:
    """Labels of everything that can be asked for."""
    return [metric.label for metric in layer.public]
