"""What the template can say: a sentence for each thing, in each language.

Sentences must hold for singular and plural labels of any gender, so subjects are names and verbs
do not bend. They contain no number, spelt or in digits, but the figures put in, and no superlative
but that of a rank: the number guard reads "one" as a number and "top" as a rank.
"""

from __future__ import annotations

from dataclasses import dataclass

from reports.periods import Grain


@dataclass(frozen=True)
class Phrases:
    """One language; places for what is put in are named, as ``{label}`` and ``{value}``.

    ``{change}`` is a change without its sign, which the words say; ``{signed}`` has it.

    Attributes:
        space: between two sentences.
        comma: between the members of a list; empty: as CLDR joins them.
        previous: what the period before is called, by grain.
        year_before: what the period a year before is called, by grain.
        each: "a week", by grain, for trends.
        base: the value then, as an insertion; empty where a language does not say it.
        rose: the finding where the value went up; variants.
        fell: the finding where it went down; variants.
        held: the finding where the change shown is zero; variants.
        stood: the finding without a comparison; variants.
        more: another comparison, upwards.
        less: another comparison, downwards.
        level: another comparison, without change.
        better: verdict on a change whose good direction is down.
        worse: the other verdict.
        no_base: the value then is missing.
        target_met: the target was reached.
        target_missed: it was not.
        target_plain: a target of a KPI without a good direction.
        target_share: how much of it, as an insertion.
        rank_top: the highest of the periods compared, which ``{window}`` says.
        rank_bottom: the lowest of them.
        rank: another place among the higher half, as a word.
        rank_low: the same from below.
        rank_figure: a place that has no word, as a figure.
        places: words for places from 2 on.
        counts: words for numbers from 2 on; beyond them a number is a figure.
        few: so many periods, by grain.
        many: the same where a language bends the noun for large numbers (CLDR's plural "many").
        window: the last periods, ``{periods}`` being as many.
        window_with_data: the same where some had no data and are not counted.
        trend_up: the trend points up.
        trend_down: it points down.
        leader: the largest member; variants.
        share: its share, as an insertion.
        next: the members after it.
        item: a member with its figure, in a list.
        made_rise: who made the rise.
        made_fall: who made the fall.
        against: who moved the other way.
        gap: what there is no data for.
        improved: KPIs that changed for the better.
        worsened: KPIs that changed for the worse.
        notice_answer: the model's text was refused to the end.
        notice_model: the model could not be used.
        notice_budget: the model's tokens did not suffice.
        notice_dropped: a paragraph was left out.
    """

    space: str
    comma: str
    previous: dict[Grain, str]
    year_before: dict[Grain, str]
    each: dict[Grain, str]
    base: str
    rose: tuple[str, ...]
    fell: tuple[str, ...]
    held: tuple[str, ...]
    stood: tuple[str, ...]
    more: str
    less: str
    level: str
    better: str
    worse: str
    no_base: str
    target_met: str
    target_missed: str
    target_plain: str
    target_share: str
    rank_top: str
    rank_bottom: str
    rank: str
    rank_low: str
    rank_figure: str
    places: tuple[str, ...]
    counts: tuple[str, ...]
    few: dict[Grain, str]
    many: dict[Grain, str]
    window: str
    window_with_data: str
    trend_up: str
    trend_down: str
    leader: tuple[str, ...]
    share: str
    next: str
    item: str
    made_rise: str
    made_fall: str
    against: str
    gap: str
    improved: str
    worsened: str
    notice_answer: str
    notice_model: str
    notice_budget: str
    notice_dropped: str
