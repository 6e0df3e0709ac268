"""The template's sentences in each language.

Sentences must hold for singular and plural labels of any gender, so subjects are names and verbs
do not bend. They contain no number, spelt or in digits, but the figures put in, and no superlative
but that of a rank: the number guard reads "one" as a number and "top" as a rank.
"""

# ruff: noqa: RUF001 - Japanese and Arabic have punctuation of their own.
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
        rank_top: the highest of recent periods.
        rank_bottom: the lowest of them.
        rank: any other place.
        places: words for places from 2 on; a place beyond them is a figure.
        recent: plural of a period's length, in a sentence on a rank.
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
    places: tuple[str, ...]
    recent: dict[Grain, str]
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


ENGLISH = Phrases(
    space=" ",
    comma="",
    previous={
        Grain.DAY: "the day before",
        Grain.WEEK: "the week before",
        Grain.MONTH: "the month before",
    },
    year_before={
        Grain.DAY: "the same weekday of the year before",
        Grain.WEEK: "the same week of the year before",
        Grain.MONTH: "the same month of the year before",
    },
    each={Grain.DAY: "a day", Grain.WEEK: "a week", Grain.MONTH: "a month"},
    base=", from {base}",
    rose=(
        "{label} rose by {change} on {relation}{base} to {value}.",
        "{label} came to {value}, up {change} on {relation}.",
    ),
    fell=(
        "{label} fell by {change} on {relation}{base} to {value}.",
        "{label} came to {value}, down {change} on {relation}.",
    ),
    held=(
        "{label} held at {value}, about level with {relation}.",
        "{label} came to {value}, about level with {relation}.",
    ),
    stood=("{label} came to {value}.", "{label} stood at {value}."),
    more="Compared with {relation}, that is {change} more.",
    less="Compared with {relation}, that is {change} less.",
    level="Compared with {relation}, that is about level.",
    better="That is an improvement.",
    worse="That is for the worse.",
    no_base="There is no data for {relation} to compare with.",
    target_met="The target of {target} was met{share}.",
    target_missed="The target of {target} was missed{share}.",
    target_plain="The target is {target}{share}.",
    target_share=", with {share} of it reached",
    rank_top="It is the highest value of recent {recent}.",
    rank_bottom="It is the lowest value of recent {recent}.",
    rank="It is the {rank} highest value of recent {recent}.",
    places=(
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
    ),
    recent={Grain.DAY: "periods", Grain.WEEK: "weeks", Grain.MONTH: "periods"},
    trend_up="With the season removed, the trend rises by {change} {each}.",
    trend_down="With the season removed, the trend falls by {change} {each}.",
    leader=(
        "{entity} leads in {label} with {value}{share}.",
        "In {label}, {entity} is in the lead with {value}{share}.",
    ),
    share=", a share of {share}",
    next="Next: {list}.",
    item="{entity} ({figure})",
    made_rise="The change in {label} came mainly from {list}.",
    made_fall="The change in {label} came mainly from {list}.",
    against="{list} moved the other way in {label}.",
    gap="There is no data for {list} in this period.",
    improved="{list} improved on {relation}.",
    worsened="{list} got worse than {relation}.",
    notice_answer=(
        "The text was written by template: the answers of {name} did not pass the number guard."
    ),
    notice_model="The text was written by template: {name} could not be reached or used.",
    notice_budget="The text was written by template: the tokens allowed for {name} are spent.",
    notice_dropped="A paragraph was left out: it did not pass the number guard.",
)

GERMAN = Phrases(
    space=" ",
    comma="",
    previous={
        Grain.DAY: "dem Vortag",
        Grain.WEEK: "der Vorwoche",
        Grain.MONTH: "dem Vormonat",
    },
    year_before={
        Grain.DAY: "demselben Wochentag des Vorjahres",
        Grain.WEEK: "derselben Woche des Vorjahres",
        Grain.MONTH: "demselben Monat des Vorjahres",
    },
    each={Grain.DAY: "je Tag", Grain.WEEK: "je Woche", Grain.MONTH: "je Monat"},
    base=" von {base}",
    rose=(
        "Die Kennzahl {label} stieg gegenüber {relation} um {change}{base} auf {value}.",
        "{label}: {value}, das sind gegenüber {relation} {change} mehr.",
    ),
    fell=(
        "Die Kennzahl {label} sank gegenüber {relation} um {change}{base} auf {value}.",
        "{label}: {value}, das sind gegenüber {relation} {change} weniger.",
    ),
    held=(
        "Die Kennzahl {label} liegt bei {value} und hat sich gegenüber {relation} kaum verändert.",
        "{label}: {value}, gegenüber {relation} nahezu unverändert.",
    ),
    stood=("Die Kennzahl {label} liegt bei {value}.", "{label}: {value}."),
    more="Gegenüber {relation} sind das {change} mehr.",
    less="Gegenüber {relation} sind das {change} weniger.",
    level="Gegenüber {relation} hat sich kaum etwas geändert.",
    better="Das ist besser als zuvor.",
    worse="Das ist schlechter als zuvor.",
    no_base="Zum Vergleich mit {relation} fehlen die Daten.",
    target_met="Das Ziel von {target} wurde erreicht{share}.",
    target_missed="Das Ziel von {target} wurde verfehlt{share}.",
    target_plain="Das Ziel beträgt {target}{share}.",
    target_share=" (Zielerreichung: {share})",
    rank_top="Das ist der höchste Wert der letzten Zeiträume.",
    rank_bottom="Das ist der niedrigste Wert der letzten Zeiträume.",
    rank="Nach Größe ist das Platz {rank} der letzten Zeiträume.",
    places=(),
    recent={},
    trend_up="Ohne die Saison steigt der Trend um {change} {each}.",
    trend_down="Ohne die Saison sinkt der Trend um {change} {each}.",
    leader=(
        "An der Spitze bei {label}: {entity} mit {value}{share}.",
        "Bei {label} führt {entity} mit {value}{share}.",
    ),
    share=", Anteil {share}",
    next="Es folgen {list}.",
    item="{entity} ({figure})",
    made_rise="Zum Anstieg bei {label} trugen vor allem bei: {list}.",
    made_fall="Zum Rückgang bei {label} trugen vor allem bei: {list}.",
    against="Gegenläufig bei {label}: {list}.",
    gap="Für diesen Zeitraum fehlen Daten: {list}.",
    improved="Verbessert gegenüber {relation}: {list}.",
    worsened="Verschlechtert gegenüber {relation}: {list}.",
    notice_answer=(
        "Der Text stammt aus der Vorlage: Die Antworten von {name} haben die Prüfung der Zahlen "
        "nicht bestanden."
    ),
    notice_model="Der Text stammt aus der Vorlage: {name} war nicht erreichbar oder nutzbar.",
    notice_budget="Der Text stammt aus der Vorlage: Die Tokens für {name} sind aufgebraucht.",
    notice_dropped="Ein Absatz fehlt: Er hat die Prüfung der Zahlen nicht bestanden.",
)

JAPANESE = Phrases(
    space="",
    comma="",
    previous={Grain.DAY: "前日", Grain.WEEK: "前週", Grain.MONTH: "前月"},
    year_before={
        Grain.DAY: "前年同曜日",
        Grain.WEEK: "前年同週",
        Grain.MONTH: "前年同月",
    },
    each={Grain.DAY: "日ごとに", Grain.WEEK: "週ごとに", Grain.MONTH: "月ごとに"},
    base="",
    rose=(
        "「{label}」は {value}（{relation}比 {signed}）。",
        "「{label}」は {value}、{relation}比 {signed}。",
    ),
    fell=(
        "「{label}」は {value}（{relation}比 {signed}）。",
        "「{label}」は {value}、{relation}比 {signed}。",
    ),
    held=("「{label}」は {value}、{relation}と同水準。",),
    stood=("「{label}」は {value}。",),
    more="{relation}比は {signed}。",
    less="{relation}比は {signed}。",
    level="{relation}とは同水準です。",
    better="これは改善です。",
    worse="これは悪化です。",
    no_base="比較対象となる{relation}のデータはありません。",
    target_met="目標の {target} を達成{share}。",
    target_missed="目標の {target} には未達{share}。",
    target_plain="目標は {target}{share}。",
    target_share="（達成率 {share}）",
    rank_top="直近の期間で最も高い値。",
    rank_bottom="直近の期間で最も低い値。",
    rank="直近の期間での順位（高い順）：#{rank}。",
    places=(),
    recent={},
    trend_up="季節要因を除いた傾向は{each} {signed}。",
    trend_down="季節要因を除いた傾向は{each} {signed}。",
    leader=("「{label}」の首位は「{entity}」、{value}{share}。",),
    share="（構成比 {share}）",
    next="続いて{list}。",
    item="「{entity}」（{figure}）",
    made_rise="「{label}」の増加の主な要因：{list}。",
    made_fall="「{label}」の減少の主な要因：{list}。",
    against="「{label}」で反対の動き：{list}。",
    gap="この期間のデータがないもの：{list}。",
    improved="{relation}に比べて改善：{list}。",
    worsened="{relation}に比べて悪化：{list}。",
    notice_answer="{name}の回答が数値の検証を通らなかったため、本文は定型文で作成しました。",
    notice_model="{name}を利用できなかったため、本文は定型文で作成しました。",
    notice_budget="{name}のトークン上限に達したため、本文は定型文で作成しました。",
    notice_dropped="数値の検証を通らなかった段落を省きました。",
)

ARABIC = Phrases(
    space=" ",
    # "And" is written to the next word, where a name in another script would not be found.
    comma="، ",
    previous={
        Grain.DAY: "اليوم السابق",
        Grain.WEEK: "الأسبوع السابق",
        Grain.MONTH: "الشهر السابق",
    },
    year_before={
        Grain.DAY: "اليوم نفسه من العام السابق",
        Grain.WEEK: "الأسبوع نفسه من العام السابق",
        Grain.MONTH: "الشهر نفسه من العام السابق",
    },
    each={Grain.DAY: "في اليوم", Grain.WEEK: "في الأسبوع", Grain.MONTH: "في الشهر"},
    base="",
    rose=(
        "{label}: {value}، أي بتغير قدره {signed} عن {relation}.",
        "{label}: {value} ({signed} عن {relation}).",
    ),
    fell=(
        "{label}: {value}، أي بتغير قدره {signed} عن {relation}.",
        "{label}: {value} ({signed} عن {relation}).",
    ),
    held=("{label}: {value}، دون تغير يُذكر عن {relation}.",),
    stood=("{label}: {value}.",),
    more="مقارنة مع {relation}: {signed}.",
    less="مقارنة مع {relation}: {signed}.",
    level="مقارنة مع {relation}: دون تغير يُذكر.",
    better="وهذا أفضل من قبل.",
    worse="وهذا أسوأ من قبل.",
    no_base="لا توجد بيانات عن {relation} للمقارنة.",
    target_met="تحقق الهدف البالغ {target}{share}.",
    target_missed="لم يتحقق الهدف البالغ {target}{share}.",
    target_plain="الهدف: {target}{share}.",
    target_share="، بنسبة {share}",
    rank_top="وهي أعلى قيمة بين الفترات الأخيرة.",
    rank_bottom="وهي أدنى قيمة بين الفترات الأخيرة.",
    rank="الترتيب بين الفترات الأخيرة من الأعلى: #{rank}.",
    places=(),
    recent={},
    trend_up="بعد استبعاد أثر الموسم، الاتجاه: {signed} {each}.",
    trend_down="بعد استبعاد أثر الموسم، الاتجاه: {signed} {each}.",
    leader=("الأعلى في {label}: {entity}، {value}{share}.",),
    share=" ({share} من المجموع)",
    next="يليه: {list}.",
    item="{entity} ({figure})",
    made_rise="أبرز أسباب الارتفاع في {label}: {list}.",
    made_fall="أبرز أسباب الانخفاض في {label}: {list}.",
    against="في الاتجاه المعاكس، {label}: {list}.",
    gap="لا توجد بيانات لهذه الفترة عن: {list}.",
    improved="أفضل مقارنة مع {relation}: {list}.",
    worsened="أسوأ مقارنة مع {relation}: {list}.",
    notice_answer="كُتب النص من القالب: لم تجتز إجابات {name} فحص الأرقام.",
    notice_model="كُتب النص من القالب: تعذر استخدام {name}.",
    notice_budget="كُتب النص من القالب: نفدت الرموز المخصصة لـ {name}.",
    notice_dropped="حُذفت فقرة لم تجتز فحص الأرقام.",
)

PHRASES = {"en": ENGLISH, "de": GERMAN, "ja": JAPANESE, "ar": ARABIC}
"""By language without region."""


def language_of(language: str) -> str:
    """The language that the template writes for a BCP 47 tag: its own if known, else English."""
    primary = language.replace("_", "-").split("-")[0].lower()
    return language if primary in PHRASES else "en"


def phrases_of(language: str) -> Phrases:
    """The sentences of a BCP 47 language, in English where there are none."""
    return PHRASES[language_of(language).replace("_", "-").split("-")[0].lower()]
