"""The questions the demonstration asks of the sample documents, and which document must answer each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """A question as a person would ask it.

    Attributes:
        expects: key of the sample document that holds the answer.
    """

    text: str
    expects: str


QUESTIONS: tuple[Question, ...] = (
    Question("How much may a hotel room in Shanghai cost?", "expense-policy.docx"),
    Question("How often do I have to clean the dust filter?", "aero-3-user-manual.pdf"),
    Question("没有休完的年假可以留到明年吗？", "新员工入职指南.txt"),
    Question("欧洲市场的收入是多少？", "第一季度经营例会.pptx"),
    # A scanned page and a photograph.
    Question("空压机多久巡检一次？", "设备巡检通知.pdf"),
    Question("When do the gates of the visitor parking close?", "parking-sign.jpg"),
    # Across languages: no document in Chinese says this.
    Question("手机丢了或者被偷了，多久之内必须报告？", "security-guidelines.html"),
)
