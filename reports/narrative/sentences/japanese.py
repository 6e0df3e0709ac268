"""The template's sentences in Japanese."""

# ruff: noqa: RUF001 - Japanese has punctuation of its own.
from __future__ import annotations

from reports.narrative.phrases import Phrases
from reports.periods import Grain

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
    rank_top="{window}で最も高い値。",
    rank_bottom="{window}で最も低い値。",
    rank="",
    rank_low="",
    rank_figure="{window}での順位（高い順）：#{rank}。",
    places=(),
    counts=(),
    few={Grain.DAY: "{count} 日間", Grain.WEEK: "{count} 週間", Grain.MONTH: "{count} か月"},
    many={},
    window="直近 {periods}",
    window_with_data="データのある直近 {periods}",
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
