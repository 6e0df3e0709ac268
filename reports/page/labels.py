"""The page's own words, in each language that a page can be in.

A new language is one more :class:`Labels`; the type checker says what is missing.
"""

# Other scripts have marks that look like ASCII ones, rightly so.
# ruff: noqa: RUF001
from __future__ import annotations

from dataclasses import dataclass

from reports.guard.language import primary


@dataclass(frozen=True)
class Labels:
    """Words of one language; ``{name}`` is filled in."""

    data_until: str
    zone: str
    written_by: str
    written_without_model: str
    audience: str
    first: str
    held: str
    rules: dict[str, str]
    headline: str
    up: str
    down: str
    flat: str
    favourable: str
    unfavourable: str
    before: dict[str, str]
    year_before: str
    against: str
    target: str
    summary: str
    contents: str
    figure: str
    table: str
    what: str
    value: str
    change: str
    period: str
    citations: str
    page: str
    facts: str
    facts_note: str
    linked: str
    statements: str
    statements_note: str
    statement: str
    derived: str
    from_definition: str
    gap: str
    sql: str
    snapshots: str
    assets: str
    no_data: str


_EN = Labels(
    data_until="Data until",
    zone="Days in the time zone {zone}",
    written_by="Written by {model}; every number checked against its fact",
    written_without_model="Written without a model, from a template",
    audience="For",
    first="Please note first",
    held="Not for delivery",
    rules={
        "gap": "Gap",
        "freshness": "Freshness",
        "quality": "Quality",
        "guard": "Number guard",
        "narrator": "Narrator",
    },
    headline="Key figures",
    up="up {against}",
    down="down {against}",
    flat="unchanged {against}",
    favourable="favourable",
    unfavourable="unfavourable",
    before={
        "day": "on the day before",
        "week": "on the week before",
        "month": "on the month before",
    },
    year_before="on the year before",
    against="on {period}",
    target="Target",
    summary="Summary",
    contents="Contents",
    figure="Figure",
    table="Table",
    what="Measure",
    value="Value",
    change="Change",
    period="Period",
    citations="Sources cited",
    page="page {number}",
    facts="Facts",
    facts_note="Every number of this report, and the statement that gives it.",
    linked="Every number leads to its statement, its snapshot and the rows behind it.",
    statements="Statements",
    statements_note=(
        "Each serves the facts named above it, for other periods and members with other "
        "dates and names. The rows behind a value are the same select without the "
        "aggregate; its link shows them."
    ),
    statement="Statement",
    derived="follows from",
    from_definition="set in the report's definition",
    gap="no value",
    sql="Value",
    snapshots="Snapshots",
    assets="Assets",
    no_data="no data",
)

_DE = Labels(
    data_until="Daten bis",
    zone="Tage in der Zeitzone {zone}",
    written_by="Verfasst von {model}; jede Zahl gegen ihren Beleg geprüft",
    written_without_model="Ohne Sprachmodell aus einer Vorlage verfasst",
    audience="Für",
    first="Bitte vorab beachten",
    held="Nicht zur Zustellung",
    rules={
        "gap": "Lücke",
        "freshness": "Aktualität",
        "quality": "Qualität",
        "guard": "Zahlenprüfung",
        "narrator": "Verfasser",
    },
    headline="Kennzahlen",
    up="gestiegen {against}",
    down="gesunken {against}",
    flat="unverändert {against}",
    favourable="günstig",
    unfavourable="ungünstig",
    before={
        "day": "zum Vortag",
        "week": "zur Vorwoche",
        "month": "zum Vormonat",
    },
    year_before="zum Vorjahr",
    against="gegenüber {period}",
    target="Ziel",
    summary="Zusammenfassung",
    contents="Inhalt",
    figure="Abbildung",
    table="Tabelle",
    what="Kennzahl",
    value="Wert",
    change="Veränderung",
    period="Zeitraum",
    citations="Zitierte Quellen",
    page="Seite {number}",
    facts="Belege",
    facts_note="Jede Zahl dieses Berichts und die Abfrage, aus der sie stammt.",
    linked="Jede Zahl führt zu ihrer Abfrage, ihrem Datenstand und den Zeilen dahinter.",
    statements="Abfragen",
    statements_note=(
        "Jede gilt für die Fakten, die über ihr stehen, bei anderen Zeiträumen und Teilen "
        "mit anderen Daten und Namen. Die Zeilen hinter einem Wert sind dieselbe Auswahl "
        "ohne die Aggregation; sein Link zeigt sie."
    ),
    statement="Abfrage",
    derived="folgt aus",
    from_definition="in der Definition des Berichts gesetzt",
    gap="kein Wert",
    sql="Wert",
    snapshots="Snapshots",
    assets="Assets",
    no_data="keine Daten",
)

_JA = Labels(
    data_until="データ時点",
    zone="日付の時間帯：{zone}",
    written_by="執筆：{model}（すべての数値を根拠と照合済み）",
    written_without_model="言語モデルを使わず、ひな形から作成",
    audience="宛先",
    first="はじめにご確認ください",
    held="配信保留",
    rules={
        "gap": "欠損",
        "freshness": "鮮度",
        "quality": "品質",
        "guard": "数値照合",
        "narrator": "執筆",
    },
    headline="主要指標",
    up="{against}増加",
    down="{against}減少",
    flat="{against}横ばい",
    favourable="好転",
    unfavourable="悪化",
    before={"day": "前日比", "week": "前週比", "month": "前月比"},
    year_before="前年比",
    against="{period}比",
    target="目標",
    summary="要約",
    contents="目次",
    figure="図",
    table="表",
    what="指標",
    value="値",
    change="変化",
    period="期間",
    citations="引用文献",
    page="{number}ページ",
    facts="根拠一覧",
    facts_note="本報告書のすべての数値と、それを求めた問い合わせ文。",
    linked="各数値のリンクから、問い合わせ文、データの時点、元の行を確認できる。",
    statements="問い合わせ文",
    statements_note=(
        "各問い合わせは上に挙げた数値に対応し、他の期間や項目では日付と名前だけが異なる。元の行は集計を除いた同じ選択で、リンク先に表示される。"
    ),
    statement="問い合わせ",
    derived="算出元",
    from_definition="報告書の定義による",
    gap="値なし",
    sql="値",
    snapshots="スナップショット",
    assets="アセット",
    no_data="データなし",
)

_AR = Labels(
    data_until="البيانات حتى",
    zone="الأيام حسب المنطقة الزمنية {zone}",
    written_by="كتبه {model}؛ وكل رقم مُراجَع على مصدره",
    written_without_model="كُتب من قالب دون نموذج لغوي",
    audience="إلى",
    first="يُرجى الانتباه أولاً",
    held="غير جاهز للإرسال",
    rules={
        "gap": "فجوة",
        "freshness": "حداثة البيانات",
        "quality": "الجودة",
        "guard": "مراجعة الأرقام",
        "narrator": "الكاتب",
    },
    headline="المؤشرات الرئيسية",
    up="ارتفاع {against}",
    down="انخفاض {against}",
    flat="دون تغيير {against}",
    favourable="إيجابي",
    unfavourable="سلبي",
    before={
        "day": "عن اليوم السابق",
        "week": "عن الأسبوع السابق",
        "month": "عن الشهر السابق",
    },
    year_before="عن العام السابق",
    against="عن {period}",
    target="الهدف",
    summary="الملخص",
    contents="المحتويات",
    figure="الشكل",
    table="الجدول",
    what="المؤشر",
    value="القيمة",
    change="التغيّر",
    period="الفترة",
    citations="المصادر المقتبسة",
    page="صفحة {number}",
    facts="الحقائق",
    facts_note="كل رقم في هذا التقرير والاستعلام الذي أعطاه.",
    linked="يقود كل رقم إلى استعلامه ولقطة بياناته والصفوف التي وراءه.",
    statements="الاستعلامات",
    statements_note=(
        "يخدم كل استعلام الأرقام المذكورة فوقه، وتختلف التواريخ والأسماء للفترات والعناصر "
        "الأخرى. الصفوف خلف القيمة هي الاختيار نفسه دون التجميع، ويعرضها رابطها."
    ),
    statement="استعلام",
    derived="محسوب من",
    from_definition="محدَّد في تعريف التقرير",
    gap="لا قيمة",
    sql="القيمة",
    snapshots="اللقطات",
    assets="الأصول",
    no_data="لا بيانات",
)

_CATALOGUE = {"en": _EN, "de": _DE, "ja": _JA, "ar": _AR}


def labels(language: str) -> Labels:
    """The labels of a BCP 47 language; English where there are none for it."""
    return _CATALOGUE.get(primary(language), _EN)
