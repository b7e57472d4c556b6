"""Characters that are written one way in one place and another way in another: tables for `str.translate`.

Traditional and Japanese forms and variants of Chinese characters as the simplified ones, katakana as hiragana, Arabic
letters without what writers leave out, digits of all scripts.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

# Forms that Japan simplified in its own way, with the Chinese ones; without those that Chinese uses otherwise.
_JAPANESE = (
    "乗乘亜亚仏佛仮假伝传価价倹俭児儿両两剰剩剣剑剤剂労劳勲勋勧劝巻卷呉吴唖哑単单噛啮厳严圏圈囲围図图団团増增圧压塁垒壊坏"
    "壌壤壱壹奨奖粧妆嬢娘実实寛宽専专対对巌岩巣巢帯带廃废広广庁厅弾弹従从徴征徳德恵惠悪恶悩恼応应懐怀戦战戯戏戸户戻戾払拂抜拔"
    "拝拜挿插掲揭掻搔揺摇捜搜択择撃击拠据拡扩摂摄撹搅収收効效晩晚暦历暁晓曽曾桝枡桟栈栄荣楽乐様样検检桜樱権权歓欢歩步歳岁歴历"
    "帰归毎每気气渉涉涙泪浄净渇渴溌泼渓溪満满渋涩沢泽済济浜滨滝泷瀬濑焔焰焼烧営营犠牺猟猎獣兽畳叠痺痹痩瘦発发皐皋砕碎稲稻頴颖"
    "穂穗穏稳穣穰竃灶粋粹経经緒绪縁缘県县縦纵総总繋系繍绣縄绳絵绘継继続续繊纤連连聡聪聴听粛肃脳脑臓脏挙举舎舍荘庄薫薰蔵藏薬药"
    "処处蛍萤蝋蜡覚觉覧览観观訳译読读変变譲让豊丰弐贰売卖頼赖賛赞軽轻輌辆転转逓递遅迟辺边郷乡酢醋酔醉醤酱醸酿釈释舗铺銭钱錬炼"
    "鉄铁鋳铸鉱矿関关陥陷険险隠隐雑杂鶏鸡覇霸霊灵顕显騒骚駆驱験验駅驿髄髓髪发闘斗鴎鸥麺面麹曲黒黑黙默斉齐斎斋歯齿齢龄竜龙亀龟"
)
# Variants that the table of OpenCC keeps apart.
_VARIANTS = "著着瞭了祇只覆复帐账锺钟〇零"
_KATAKANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
# As Lucene's ArabicNormalizer and PersianNormalizer; alef loses its hamza with the marks.
_ARABIC = {0x0649: "ي", 0x0629: "ه", 0x06CC: "ي", 0x06A9: "ك", 0x066B: ".", 0x066C: ",", 0x0640: ""}
# Zeros of scripts with digits of their own; the other nine follow each.
_ZEROS = (
    "\u0660\u06f0\u07c0\u0966\u09e6\u0a66\u0ae6\u0b66\u0be6\u0c66\u0ce6\u0d66\u0de6\u0e50\u0ed0\u0f20\u1040\u1090\u17e0\u1810"
    "\u1946\u19d0\u1a80\u1a90\u1b50\u1bb0\u1c40\u1c50\ua620\ua8d0\ua900\ua9d0\ua9f0\uaa50\uabf0"
)

# Digits and Arabic letters.
CHARACTERS: dict[int, str] = {
    **{ord(zero) + value: str(value) for zero in _ZEROS for value in range(10)},
    **_ARABIC,
}


@cache
def load_east_asian() -> dict[int, str | int]:
    """Simplified characters by traditional ones: the table of OpenCC, first choice (https://github.com/BYVoid/OpenCC).

    The package is looked up and not imported: only its table is needed. Japanese forms, variants and
    katakana come on top.
    """
    package = importlib.util.find_spec("opencc")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("opencc-python-reimplemented, which brings the table of characters, is not installed")
    lines = (Path(package.origin).parent / "dictionary" / "TSCharacters.txt").read_text("utf-8").splitlines()
    pairs = (line.split() for line in lines if line.strip())
    own = _pair(_VARIANTS)
    return {
        **_pair(_JAPANESE),
        # What becomes a variant becomes what that stands for.
        **{ord(traditional): own.get(ord(simplified), simplified) for traditional, simplified, *_ in pairs},
        **own,
        **_KATAKANA,
    }


def _pair(characters: str) -> dict[int, str]:
    return {ord(form): plain for form, plain in zip(characters[::2], characters[1::2], strict=True)}
