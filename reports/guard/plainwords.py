"""Words that say nothing about an amount, a change or an order, by language.

Belongs here: function words, plain verbs of being and telling, nouns of reporting. A word stands
here only if no sentence becomes false by it. Does not belong here: words that are read
(:mod:`.lexicon`), words that are checked (:mod:`.standing`), how a sentence is checked against them
(:mod:`.closed`). Kept short on purpose: a word that is missing costs a second try of the
narrator, a word too many costs a false report.
"""

from __future__ import annotations

import re
from functools import cache

_ENGLISH = """
a an the this that these those it its they their them we our us which who whose what when where
there here and or as at by for from in into of on onto out to with within through throughout
across between among amongst via during until till than then upon under over
is are was were be been being has have had having do does did
also too so thus hence however moreover furthermore meanwhile while whereas but although though
respectively namely overall altogether total totals totaled totalled totalling totaling whole
combined together
come comes came coming amount amounts amounted amounting stand stands stood standing
reach reaches reached reaching recorded recording report reports reported reporting
show shows showed shown showing see sees saw seen posted posting booked registered registering
generated generates generating accounted accounts accounting represented represents
make makes made making take takes took taken taking bring brings brought deliver delivers
delivered sell sells sold selling buy buys bought order ordered place placed give gives gave given
giving equal equals equalled equaled measured measures read reads say says said saying tell tells
told note notes noted noting list lists listed present presents presented disclose disclosed
published find finds found look looks looking consider considering computed calculated compare
compares compared comparing comparison spend spends spent earn earns earned pay pays paid cost
costs costing hit sits sat lay ran put puts go goes went gone turned arrived closed landed
logged counted ended
serve served served handled shipped returned use uses used
rank ranks ranked ranking place places position
table tables figure figures company companies group groups firm firms corporation organisation
organization management board period periods value values amount amounts number numbers data
column columns row rows item items entry entries statement statements section sections chart
charts case cases result results basis terms date end beginning start sum unit units country
countries market markets region regions customer customers client clients shopper shoppers people
member members product products store stores shop shops measure measures metric metrics indicator
according based relating related regarding concerning respect relation relative set account
following follows followed next among recent size trend season
removed ranged range ranges worth i e g eg ie id
quarter-end year-end month-end
"""
_GERMAN = """
der die das den dem des ein eine einen einem einer eines dieser diese dieses diesen diesem jener
jene jenes jenen es er sie ihr ihre ihren ihrem ihrer wir unser unsere unseren uns man wer was
welche welcher welches wo wie als am an auf aus bei beim bis durch für gegen gegenüber in im ins
laut mit mittels nach neben seit über um unter von vom während zu zum zur zwischen
innerhalb ab
und oder sowie sowohl doch aber jedoch hingegen dagegen wohingegen obwohl dass daher damit dabei
dazu davon darin hier dort da so auch ferner zudem außerdem beziehungsweise bzw jeweils nämlich
insgesamt zusammen gesamt gesamten gesamte gesamter
ist sind war waren sei wurde wurden worden hat haben hatte hatten habe sich
betrug betrugen beträgt betragen belief beliefen beläuft belaufen lag lagen liegt liegen kam kamen
kommt kommen stand standen steht erreichte erreichten erreicht erreichen ergab ergaben ergibt
ergeben machte machten macht ausmachte meldete meldeten meldet gemeldet berichtete berichtet
berichten verzeichnete verzeichneten verzeichnet verbuchte verbuchten verbucht erzielte erzielten
erzielt erwirtschaftete erwirtschaftet zeigte zeigt zeigen sehen sieht gezeigt wies ausgewiesen
weist weisen aus entspricht entsprach entsprechen nennt genannt führt führte gab gibt geben
verkaufte verkauften verkauft kaufte kauften gekauft bestellte bestellten bestellt entfiel
entfielen entfällt entfallen trug trugen trägt beitrug stammt stammen stammte stammten kostete
kosteten zählte zählten zählt gezählt ging gingen geht nahm nahmen nimmt legte legten legt brachte
brachten bringt umfasst umfasste berechnet gemessen verglichen vergleicht bezogen nachdem
tabelle tabellen zahl zahlen wert werte werten wertes angabe angaben bericht berichts unternehmen
unternehmens gesellschaft firma konzern konzerns gruppe kennzahl kennzahlen daten zeitraum
zeitraums zeiträume zeiträumen betrag beträge höhe summe vergleich verhältnis ergebnis ergebnisse
spalte spalten zeile zeilen posten abschnitt land länder ländern markt märkte märkten region
regionen kunde kunden produkt produkte filiale filialen ende anfang beginn basis größe platz rang
stelle saison trend ohne letzten folgen folgt folgende folgenden euro
zum h d z b v u
"""
_JAPANESE = """
データはありません データがない となる 件 個 名 高い順
これ それ この その ここ そこ との への からの までの における において
について に対する に対し に比べて に比べ として により による では には とは
から まで より など および 及び また なお でした です であった である だった
となりました となった となる になりました になった しました した する して ます
ました いる ある あり あります 期間 期 直近 結果 報告 数値 値 データ 会社
表 合計 全体 うち 続いて 主な 要因 方向 動き 季節 除いた 傾向 順位 構成比
達成率 比較 対象 もの ごとに ごと 比 前 は が の に で と を も へ や
か
"""
_ARABIC = """
في من إلى على عن مع أي و هو هي هذا هذه ذلك تلك كان كانت بلغ
بلغت وبلغت وصل وصلت سجل سجلت قدره قدرها بعد بين لدى عند حتى
خلال كما أن التي الذي وهي وهو يليه تليه مقارنة بيانات
البيانات الفترة الفترات لهذه الأخيرة أثر الموسم الاتجاه
استبعاد الترتيب الأعلى المجموع بنسبة نسبة قيمة القيمة تقرير التقرير
الشركة الجدول أبرز أسباب
"""
_MARKS = frozenset(
    ".,;:!?()[]\"'`-/&%$=<>+~#·•…«»\u2039\u203a\u2013\u2018\u2019\u201a\u201c\u201d\u201e"
    "€£¥₹≥≤\u00b4\u060c\u061b\u061f\u066a\u3001\u3002「」『』\u30fb\u301c\uff01\uff08\uff09\uff1a\uff1b\uff1f"
)


def _split(words: str) -> frozenset[str]:
    return frozenset(words.split())


_BY_LANGUAGE = {
    "en": _split(_ENGLISH),
    "de": _split(_GERMAN),
    "ja": _split(_ENGLISH) | _split(_JAPANESE),
    "ar": _split(_ENGLISH) | _split(_ARABIC),
}


def plain_words(language: str) -> frozenset[str]:
    """The harmless words of a primary language, in lower case; English ones where it has none."""
    return _BY_LANGUAGE.get(language, _BY_LANGUAGE["en"])


def harmless_mark(mark: str) -> bool:
    """Whether a character that is no letter or digit says nothing by itself."""
    return mark.isspace() or mark in _MARKS


@cache
def run_of_japanese() -> re.Pattern[str]:
    """Runs made of harmless Japanese words only: the script has no spaces between them."""
    listed = sorted(_split(_JAPANESE), key=len, reverse=True)
    return re.compile("(?:" + "|".join(map(re.escape, listed)) + ")+")
