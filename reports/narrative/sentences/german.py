"""The template's sentences in German."""

from __future__ import annotations

from reports.narrative.phrases import Phrases
from reports.periods import Grain

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
    rank_top="Das ist der höchste Wert {window}.",
    rank_bottom="Das ist der niedrigste Wert {window}.",
    rank="Das ist der {rank}höchste Wert {window}.",
    rank_low="Das ist der {rank}niedrigste Wert {window}.",
    rank_figure="Nach Größe ist das Platz {rank} {window}.",
    places=(
        "zweit",
        "dritt",
        "viert",
        "fünft",
        "sechst",
        "siebt",
        "acht",
        "neunt",
        "zehnt",
        "elft",
        "zwölft",
    ),
    counts=(
        "zwei",
        "drei",
        "vier",
        "fünf",
        "sechs",
        "sieben",
        "acht",
        "neun",
        "zehn",
        "elf",
        "zwölf",
    ),
    few={Grain.DAY: "{count} Tage", Grain.WEEK: "{count} Wochen", Grain.MONTH: "{count} Monate"},
    many={},
    window="der letzten {periods}",
    window_with_data="der letzten {periods} mit Daten",
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
