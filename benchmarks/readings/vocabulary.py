"""Sentences, names, codes and tables by chance, equal in every run: two languages take turns."""

from __future__ import annotations

import random
from typing import Final

from benchmarks.readings.truth import Table

_ENGLISH: Final = {
    "who": "auditor supplier mechanic courier inspector librarian gardener surveyor pharmacist dispatcher",
    "did": "returned measured repaired approved catalogued delayed replaced inspected insured relocated",
    "what": "gearbox invoice container lantern ledger turbine telescope contract generator compass",
    "where": "harbour warehouse cellar laboratory greenhouse depot archive workshop observatory station",
}
_CHINESE: Final = {
    "who": "审计员 供应商 维修工 快递员 检验员 管理员 园艺师 测量员 药剂师 调度员",
    "did": "退回 测量 修理 批准 登记 推迟 更换 检查 投保 搬迁",
    "what": "齿轮箱 增值税发票 集装箱 信号灯 总账本 汽轮机 望远镜 运输合同 发电机 指南针",
    "where": "北港口 东仓库 地下室 化验室 温室 停车场 档案馆 修理间 天文台 火车站",
}
_SYLLABLES: Final = "ba be do fa gri ko lan mer nov pi ras sel tor ul ven wis yar zon"
_LABELS: Final = {
    False: "Code Item Owner City Price Stock Supplier Torque Remark Shelf Colour Weight",
    True: "编号 品名 负责人 城市 单价 库存 供货商 扭矩 备注 货架 颜色 重量",
}
_SURNAMES: Final = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗"
_GIVEN: Final = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平"
_RARE: Final = "岚澜墨砚琪瑶珊瑾璇芷茉莉菁蓓薇霖霁霏"


class Vocabulary:
    """A source of texts of one language; the same seed gives the same texts."""

    def __init__(self, seed: str, *, is_chinese: bool = False) -> None:
        self.is_chinese = is_chinese
        self.chance = random.Random(seed)
        self._count = self.chance.randrange(1000, 2000)

    def sentence(self) -> str:
        """A sentence that occurs once."""
        self._count += self.chance.randrange(3, 90)
        words = {name: self.pick(name) for name in _ENGLISH}
        if self.is_chinese:
            return "{who}在第{n}天把{what}从{where}{did}，由{by}签字。".format(n=self._count, by=self.name(), **words)
        pattern = "The {who} {did} the {what} near the {where} on day {n}, signed by {by}."
        return pattern.format(n=self._count, by=self.name(), **words)

    def sentences(self, count: int) -> tuple[str, ...]:
        """So many sentences."""
        return tuple(self.sentence() for _ in range(count))

    def pick(self, name: str) -> str:
        """A word for who, did, what or where."""
        return self.chance.choice((_CHINESE if self.is_chinese else _ENGLISH)[name].split())

    def name(self) -> str:
        """A person's name."""
        if self.is_chinese:
            return self.chance.choice(_SURNAMES) + self.chance.choice(_RARE) + self.chance.choice(_GIVEN)
        return " ".join("".join(self.chance.choices(_SYLLABLES.split(), k=3)).capitalize() for _ in range(2))

    def title(self) -> str:
        """A short heading."""
        self._count += 1
        if self.is_chinese:
            return f"{self.pick('where')}{self.pick('what')}记录{self._count}"
        return f"{self.pick('where').capitalize()} {self.pick('what')} record {self._count}"

    def code(self) -> str:
        """A code that occurs once."""
        self._count += self.chance.randrange(1, 9)
        return f"{self.chance.choice('ABCDEFGHKLMNPRTUVWXYZ')}{self.chance.choice('KLMNPR')}-{self._count}"

    def labels(self, count: int) -> tuple[str, ...]:
        """Labels of columns."""
        known = _LABELS[self.is_chinese].split()
        return tuple(known[at] if at < len(known) else f"{known[at % len(known)]} {at}" for at in range(count))

    def phrase(self) -> str:
        """A few words for a cell."""
        return f"{self.pick('where')}{'' if self.is_chinese else ' '}{self.pick('what')}"

    def table(self, rows: int, columns: int, empty: float = 0.0) -> Table:
        """A table with a code in its first column; ``empty`` is the share of cells that are empty."""
        return Table(self.labels(columns), tuple(self._row(columns, empty) for _ in range(rows)))

    def _row(self, columns: int, empty: float) -> tuple[str, ...]:
        cells = (self._cell(at) for at in range(1, columns))
        return (self.code(), *("" if self.chance.random() < empty else cell for cell in cells))

    def _cell(self, at: int) -> str:
        if at in (4, 5, 7):
            return str(self.chance.randrange(100, 99_999))
        return self.name() if at in (2, 6) else self.phrase()
