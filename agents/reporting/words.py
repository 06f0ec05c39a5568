"""The words of the report's page in three languages. Data alone; rules and durations are in agents/phrases.py."""

from typing import Final

from agents.phrases import Words

PAGE: Final[Words] = {
    "title": {"en": "After-sales duties", "zh": "售后时效报告", "ja": "アフターサービス期限レポート"},
    "before": {
        "en": "compared with the period before, from {since}",
        "zh": "对比上一周期（自{since}起）",
        "ja": "前の期間（{since}から）との比較",
    },
    "known": {"en": "as known at {at}", "zh": "截至{at}的已知情况", "ja": "{at}時点で判明している内容"},
    "nothing": {
        "en": "No clock started in this period, nor in the one before.",
        "zh": "本周期及上一周期内没有任何计时开始。",
        "ja": "この期間にも前の期間にも計時は始まっていません。",
    },
    "on_time": {"en": "on time", "zh": "按时率", "ja": "期限内"},
    "opened": {"en": "opened", "zh": "新开", "ja": "開始"},
    "met": {"en": "met", "zh": "按时", "ja": "達成"},
    "late": {"en": "late", "zh": "逾期", "ja": "超過"},
    "superseded": {"en": "taken over", "zh": "被代办", "ja": "代行"},
    "exempt": {"en": "exempt", "zh": "免除", "ja": "対象外"},
    "open": {"en": "open", "zh": "进行中", "ja": "進行中"},
    "other": {"en": "other", "zh": "其他", "ja": "その他"},
    "median": {"en": "median", "zh": "中位数", "ja": "中央値"},
    "p90": {"en": "p90", "zh": "九成以内", "ja": "90%以内"},
    "time_to_stop": {"en": "time to stop", "zh": "完成用时", "ja": "所要時間"},
    "rule": {"en": "duty", "zh": "事项", "ja": "義務"},
    "by_day": {"en": "by day", "zh": "按日", "ja": "日別"},
    "breaches": {"en": "Late in this period", "zh": "本周期逾期", "ja": "この期間の期限超過"},
    "order": {"en": "order", "zh": "订单", "ja": "注文"},
    "due": {"en": "due (UTC)", "zh": "截止（UTC）", "ja": "期限（UTC）"},
    "late_by": {"en": "late by", "zh": "迟了", "ja": "遅れ"},
    "still": {"en": "not done yet", "zh": "尚未完成", "ja": "未完了"},
    "clock": {"en": "clock", "zh": "时钟", "ja": "時計"},
    "no_breaches": {"en": "Nothing was late.", "zh": "没有逾期。", "ja": "期限超過はありません。"},
    "points": {"en": "{n} points", "zh": "{n}个百分点", "ja": "{n}ポイント"},
    "foot": {
        "en": "A clock belongs to the period in which it started (UTC). On time: met of those met or late. Times from "
        "start to stop of those met or closed late, by nearest rank.",
        "zh": "计时归入其开始时所在的周期（UTC）。按时率：按时数除以按时与逾期之和。"
        "用时取按时或迟完成者，按最近秩计算。",
        "ja": "計時は開始した期間（UTC）に属します。期限内率は、達成と超過の合計に占める達成の割合です。"
        "所要時間は達成または遅れて完了したもので、最近順位法によります。",
    },
    "headline": {
        "en": "After-sales duties {since} – {last}: {rate} on time, {late} late",
        "zh": "售后时效 {since} – {last}：按时率{rate}，逾期{late}",
        "ja": "アフターサービス期限 {since} – {last}：期限内{rate}、超過{late}",
    },
}
