"""The template's sentences in Arabic."""

from __future__ import annotations

from reports.narrative.phrases import Phrases
from reports.periods import Grain

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
    rank_top="وهي أعلى قيمة بين {window}.",
    rank_bottom="وهي أدنى قيمة بين {window}.",
    rank="",
    rank_low="",
    rank_figure="الترتيب بين {window} من الأعلى: #{rank}.",
    places=(),
    counts=(),
    few={Grain.DAY: "{count} أيام", Grain.WEEK: "{count} أسابيع", Grain.MONTH: "{count} أشهر"},
    many={Grain.DAY: "{count} يومًا", Grain.WEEK: "{count} أسبوعًا", Grain.MONTH: "{count} شهرًا"},
    window="آخر {periods}",
    window_with_data="آخر {periods} فيها بيانات",
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
