"""The words of messages in three languages: English, Chinese, Japanese. Data alone; `wording` puts them together.

Every table has every language, and every language the same names (tests/delivering/test_wording.py). What stands in
braces is put in. A code that no table knows (a consequence of somebody's own policies) is shown as it is.
"""

from typing import Final

from agents.phrases import Words

HEADLINES: Final[Words] = {
    "clock.opened": {"en": "Begun: {rule}", "zh": "开始计时：{rule}", "ja": "計時開始：{rule}"},
    "clock.breached": {"en": "Overdue: {rule}", "zh": "已逾期：{rule}", "ja": "期限超過：{rule}"},
    "clock.lapsed": {"en": "Ran out: {rule}", "zh": "权利已过期：{rule}", "ja": "権利失効：{rule}"},
    "clock.reminder_due": {
        "en": "Time to remind {obligor}: {rule}",
        "zh": "该提醒{obligor}了：{rule}",
        "ja": "{obligor}へ催促する時期です：{rule}",
    },
    "clock.escalated": {"en": "Due in {left}: {rule}", "zh": "还剩{left}：{rule}", "ja": "残り{left}：{rule}"},
    "overdue": {"en": "Overdue by {left}: {rule}", "zh": "已逾期{left}：{rule}", "ja": "{left}超過：{rule}"},
    "urgent": {"en": "Act at once: {rule}", "zh": "请立即处理：{rule}", "ja": "至急対応：{rule}"},
    "clock.met": {"en": "Done in time: {rule}", "zh": "按时完成：{rule}", "ja": "期限内に完了：{rule}"},
    "clock.closed_late": {
        "en": "Done, {late} late: {rule}",
        "zh": "已完成，迟了{late}：{rule}",
        "ja": "{late}遅れて完了：{rule}",
    },
    "clock.superseded": {
        "en": "Taken over by {by}: {rule}",
        "zh": "已由{by}代办：{rule}",
        "ja": "{by}が対応済み：{rule}",
    },
    "clock.exempt": {"en": "No longer owed: {rule}", "zh": "不再需要：{rule}", "ja": "対応不要：{rule}"},
    "clock.expired": {"en": "No longer watched: {rule}", "zh": "不再跟踪：{rule}", "ja": "追跡終了：{rule}"},
    "clock.retracted": {"en": "Taken back: {what}", "zh": "撤回：{what}", "ja": "取り消し：{what}"},
    "policy.violation": {"en": "Against the rules: {kind}", "zh": "违规：{kind}", "ja": "規約違反：{kind}"},
    "account.health": {
        "en": "{metric} over {days} days: {value}",
        "zh": "{days}天内的{metric}：{value}",
        "ja": "{days}日間の{metric}：{value}",
    },
}
TAKEN_BACK: Final[Words] = {
    "clock.opened": {"en": "that it began", "zh": "已开始计时", "ja": "計時開始"},
    "clock.met": {"en": "that it was done in time", "zh": "已按时完成", "ja": "期限内の完了"},
    "clock.superseded": {"en": "that it was taken over", "zh": "已被代办", "ja": "代行済み"},
    "clock.exempt": {"en": "that it was not owed", "zh": "不再需要", "ja": "対応不要"},
    "clock.closed_late": {"en": "that it was done late", "zh": "已迟完成", "ja": "遅れての完了"},
    "clock.breached": {"en": "that it is overdue", "zh": "已逾期", "ja": "期限超過"},
    "clock.lapsed": {"en": "that it ran out", "zh": "权利已过期", "ja": "権利失効"},
    "clock.reminder_due": {"en": "that a reminder is due", "zh": "该提醒了", "ja": "催促の時期"},
}
LABELS: Final[Words] = {
    "about": {"en": "About", "zh": "事项", "ja": "対象"},
    "account": {"en": "Account", "zh": "账户", "ja": "アカウント"},
    "by": {"en": "By", "zh": "由", "ja": "対応者"},
    "clock": {"en": "Clock", "zh": "时钟", "ja": "時計"},
    "consequences": {"en": "What may follow", "zh": "可能的后果", "ja": "起こりうる結果"},
    "due": {"en": "Due", "zh": "截止", "ja": "期限"},
    "health_of": {"en": "Counted", "zh": "计数", "ja": "件数"},
    "known": {"en": "Known since", "zh": "得知时间", "ja": "判明時刻"},
    "order": {"en": "Order", "zh": "订单", "ja": "注文"},
    "reason": {"en": "Why", "zh": "原因", "ja": "理由"},
    "started": {"en": "Started", "zh": "开始", "ja": "開始"},
    "status": {"en": "Status", "zh": "状态", "ja": "状態"},
    "taken_back": {"en": "Takes back", "zh": "撤回的事件", "ja": "取り消される通知"},
    "whole_story": {"en": "The whole story", "zh": "完整经过", "ja": "経緯の全体"},
}
CODES: Final[Words] = {
    # who
    "seller": {"en": "the seller", "zh": "卖家", "ja": "出品者"},
    "amazon": {"en": "Amazon", "zh": "亚马逊", "ja": "Amazon"},
    "amazon_cs": {"en": "Amazon's customer service", "zh": "亚马逊客服", "ja": "Amazonカスタマーサービス"},
    "amazon_auto": {"en": "Amazon, automatically", "zh": "亚马逊自动", "ja": "Amazon（自動）"},
    "csba": {"en": "CSBA", "zh": "CSBA", "ja": "CSBA"},
    "program": {"en": "a change of the program", "zh": "项目变更", "ja": "プログラムの変更"},
    "buyer": {"en": "the buyer", "zh": "买家", "ja": "購入者"},
    "unknown": {"en": "somebody unknown", "zh": "未知方", "ja": "不明"},
    # why taken back, exempt or urgent
    "earlier_start": {
        "en": "it started earlier than was known",
        "zh": "实际开始时间更早",
        "ja": "開始が判明より早かった",
    },
    "refund_cancelled": {"en": "the refund was cancelled", "zh": "退款已取消", "ja": "返金が取り消された"},
    "message_undelivered": {"en": "the message never arrived", "zh": "消息未送达", "ja": "メッセージが届かなかった"},
    "no_response_needed": {
        "en": "marked as needing no response",
        "zh": "已标记为无需回复",
        "ja": "返信不要と設定された",
    },
    "unmarked": {"en": "it needs a response after all", "zh": "已取消“无需回复”", "ja": "返信不要が解除された"},
    "reassigned": {
        "en": "what ended it belongs to another",
        "zh": "完结依据归于另一事项",
        "ja": "完了の根拠が別件のものだった",
    },
    "late_arrival": {
        "en": "news that came late: it had been done before",
        "zh": "信息迟到：此前已处理",
        "ja": "情報の遅延：実際は対応済みだった",
    },
    "case_closed": {"en": "the case was closed", "zh": "工单已关闭", "ja": "ケースが閉じられた"},
    "auto_authorized": {"en": "Amazon approved the return", "zh": "亚马逊已批准退货", "ja": "Amazonが返品を承認した"},
    "claim_closed": {"en": "the claim is closed", "zh": "索赔已结束", "ja": "申請が終了した"},
    "chargeback_closed": {"en": "the chargeback is decided", "zh": "拒付已裁定", "ja": "チャージバックが決定した"},
    "return_cancelled": {"en": "the return was cancelled", "zh": "退货已取消", "ja": "返品が取り消された"},
    "replaced": {"en": "the item was replaced", "zh": "已换货", "ja": "商品が交換された"},
    "refund_question_after_receipt": {
        "en": "the buyer asks for the refund and the item is back",
        "zh": "商品已退回，买家在询问退款",
        "ja": "返品到着後に購入者が返金を問い合わせた",
    },
    "claim_not_received": {
        "en": "the buyer claims it was not received",
        "zh": "买家索赔：未收到商品",
        "ja": "購入者が未着を申し立てた",
    },
    # what may follow
    "amazon_may_refund": {"en": "Amazon may refund", "zh": "亚马逊可能代为退款", "ja": "Amazonが返金する場合がある"},
    "prime_suspension_risk": {
        "en": "Prime may be suspended",
        "zh": "Prime资格可能被暂停",
        "ja": "プライム停止のおそれ",
    },
    "late_response_rate": {"en": "late response rate", "zh": "回复延迟率", "ja": "返信遅延率"},
    "account_review_risk": {
        "en": "the account may be reviewed",
        "zh": "账户可能被审查",
        "ja": "アカウント審査のおそれ",
    },
    "performance_risk": {"en": "account performance", "zh": "账户绩效", "ja": "アカウント評価"},
    "csba_may_stop": {"en": "CSBA may stop", "zh": "CSBA可能停止服务", "ja": "CSBAが停止する場合がある"},
    "return_dissatisfaction": {"en": "return dissatisfaction", "zh": "退货不满意率", "ja": "返品不満足率"},
    "claim_likely_lost": {"en": "the claim is likely lost", "zh": "索赔很可能败诉", "ja": "申請に敗れる見込み"},
    "chargeback_likely_lost": {
        "en": "the chargeback is likely lost",
        "zh": "拒付很可能败诉",
        "ja": "チャージバックに敗れる見込み",
    },
    "odr": {"en": "order defect rate", "zh": "订单缺陷率", "ja": "注文不良率"},
    # violations
    "refused_return": {"en": "a return was refused", "zh": "拒绝了退货", "ja": "返品の拒否"},
    "csba_interference": {"en": "interference with CSBA", "zh": "干预了CSBA", "ja": "CSBAへの干渉"},
    "case_duplicate": {"en": "the same case opened twice", "zh": "重复开工单", "ja": "ケースの重複"},
    "case_close_reopen": {"en": "a case closed and opened again", "zh": "关闭后又重开工单", "ja": "ケースの再開"},
    "evidence_deleted_early": {"en": "evidence deleted too early", "zh": "过早删除证据", "ja": "証拠の早期削除"},
    # figures and their status
    "average_response_ms": {"en": "average response time", "zh": "平均回复时间", "ja": "平均返信時間"},
    "refund_on_time_rate": {"en": "refunds on time", "zh": "按时退款率", "ja": "期限内返金率"},
    "order_defect_rate": {"en": "order defect rate", "zh": "订单缺陷率", "ja": "注文不良率"},
    "good": {"en": "good", "zh": "良好", "ja": "良好"},
    "warn": {"en": "warning", "zh": "警告", "ja": "警告"},
    "review_risk": {"en": "risk of a review", "zh": "有审查风险", "ja": "審査のおそれ"},
    "bad": {"en": "bad", "zh": "差", "ja": "不良"},
    "excellent": {"en": "excellent", "zh": "优秀", "ja": "優良"},
}
DIGEST: Final[Words] = {
    "subject": {
        "en": "{count} events: {worst}",
        "zh": "{count}条通知：{worst}",
        "ja": "通知{count}件：{worst}",
    },
    "subject_of_one": {"en": "{worst}", "zh": "{worst}", "ja": "{worst}"},
}
