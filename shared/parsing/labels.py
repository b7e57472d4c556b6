"""Words that tell labels from values: what people write above columns and in front of the fields of a form."""

from __future__ import annotations

import re
from functools import lru_cache


def _split(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words of labels, matched as whole words without case. Months and product names are values, so they are not here.
_WORDS = _split(
    """
    account action active activity actual address age agent amount answer area article asset assignee author
    average balance barcode batch begin birthday bill board body brand branch budget building buyer campaign
    capacity capital carrier case category cause cell channel charge city class client close code colour
    color column comment company condition contact content contract cost count country course created creator
    credit criterion currency customer date datum day deadline debit definition delivery department deposit
    description desc destination detail details device director discount district division document dose
    duration duty email e-mail employee employer end entry equipment error event example expense ext extension
    fax fee field file first floor format frequency from function gender given grade gross group hall head
    height hour hours id index info input instructor invoice issue item job key kind label language last
    latitude lead length level limit line link list location longitude lot machine manager manufacturer margin
    mark material max maximum meaning measure member message method min minimum mobile model module month name
    net no note notes number nr object office operator option order origin output owner package page paid part
    partner party password payment percent period person phone place plan plant plate point position postcode
    price priority process product profit project property province purpose qty quality quantity quarter
    question range rank rate rating reading reason receiver recipient record ref reference region remark remarks
    rent report representative request required responsible result revenue review role room route row sales
    salary sample schedule school score season section sector segment seller sender serial series service sex
    shelf shift ship shop signature site size skill sku source speed staff standard start state station status
    step stock store street student subject subtotal sum summary supplier surname symbol system target task tax
    team tel telephone temperature term terms text time title to topic total town track trainer type unit units
    updated url user username value variant vat vehicle vendor venue version visitor volume warehouse warranty
    weight width year zip zone frage antwort réponse pregunta
    respuesta domanda risposta vraag antwoord begriff erklärung thema bereich begin
    beginn ende verfügbar maschine standort hersteller modell bestellnummer artikelnummer ansprechpartner
    abteilung adresse alter anzahl art artikel auftrag bemerkung beruf beschreibung
    betrag bestand bezeichnung datei dauer einheit farbe firma gewicht gruppe kategorie kennzahl kosten kunde
    kundennummer land lager lieferant menge monat nachname name nummer ort preis produkt rabatt rolle stadt
    stelle straße strasse stück summe tag telefon titel typ umsatz verantwortlich vorname wert wohnort zeit
    zustand geburtsdatum jahr plz gehalt steuer adresse nom prénom prenom ville pays prix quantité quantite
    libellé libelle désignation montant référence code téléphone telephone client fournisseur produit catégorie
    date heure lieu poids taille statut numéro numero service nombre apellido apellidos ciudad país pais precio
    cantidad descripción descripcion fecha código codigo teléfono telefono cliente proveedor producto categoría
    importe dirección direccion estado unidad cargo departamento cognome città citta paese prezzo quantità
    quantita descrizione codice indirizzo fornitore prodotto reparto nome sobrenome cidade preço preco
    quantidade descrição descricao data endereço fornecedor produto categoria naam achternaam stad prijs aantal
    omschrijving afdeling klant leverancier adres plaats имя фамилия город страна цена количество описание дата
    адрес телефон товар код отдел должность сумма
    abbreviation acronym alias attribute characteristic command comparison dosage effect explanation feature formula
    function ingredient keyword mode option parameter permission port property protocol remedy requirement risk
    severity shortcut solution specification stands symbol symptom synonym template term threshold translation
    troubleshooting abkürzung bedeutung ursache wirkung abhilfe fehler eigenschaft funktion merkmal zutat
    signification
    cause effet remède fonction propriété ingrédient significado causa efecto función propiedad significato funzione
    cognome indirizzo imię nazwisko miasto cena ilość opis adres numer jméno příjmení město popis množství név város
    leírás mennyiség isim soyad şehir fiyat adet açıklama tarih tên họ tuổi địa chỉ giá số namn stad pris antal
    beskrivning navn etternavn nimi kaupunki hinta määrä όνομα πόλη τιμή הערות שם עיר מחיר
    الاسم المدينة العنوان الهاتف السعر الكمية التاريخ الوصف القسم العمر
    วันที่ ที่อยู่
    """
)
# Chinese, Japanese and Korean labels are compounds without spaces: a whole word, or how a compound ends.
_EAST_ASIAN = _split(
    """
    नाम शहर पता मूल्य संख्या ชื่อ เมือง ราคา จำนวน วันที่ ที่อยู่
    缩写 全称 简称 星期 参数 属性 特性 习性 花期 保质期 有效期 工期 学期 含义 用途 用法 用量 成分 配料 症状 措施
    现象 方法 步骤 功能 作用 条件 对象 范围 命令 字段 术语 释义 定义 缺省值 默认值 单词 风险 影响
    序号 编号 编码 名称 姓名 性别 年龄 电话 手机 邮箱 地址 城市 省份 地区 区域 大区 国家 门店 部门 职位 岗位
    职务 工号 学号 班级 单位 公司 客户 供应商 联系人 负责人 经办人 数量 单价 价格 金额 合计 总计 小计 成本 利润
    收入 支出 销量 库存 面积 重量 体积 长度 宽度 高度 规格 型号 品牌 颜色 尺寸 类别 类型 分类 状态 日期 时间
    年份 月份 季度 开始 结束 备注 说明 描述 内容 标题 摘要 问题 答案 原因 结果 产品 商品 项目 产品线 物料 设备
    仓库 货位 订单 合同 发票 税率 折扣 账号 账户 开户行 密码 用户 角色 权限 版本 作者 来源 链接 网址 优先级 进度
    阶段 指标 科目 课程 教室 老师 教师 学生 成绩 得分 等级 排名 温度 湿度 速度 频率 周期 比例 占比 增长率 同比
    环比 目标 实际 预算 车牌 车型 航班 站点 线路 名次 條款 條目 條件 編號 名稱 電話 地址 數量 單價 價格 金額
    備註 說明 狀態 類別 類型 日期 時間 姓名 部門 職稱 客戶 產品 項目 庫存 單位 氏名 名前 住所 電話番号 番号 部署
    数值 取值 参数值 值 学历 学位 民族 籍贯 专业 政治面貌 婚姻状况 健康状况 身高 体重 毕业院校 毕业学校 毕业时间
    出生年月
    出生地 户口 教育经历 工作经历 工作经验 工作履历 项目经历 特长 爱好 自我评价 家庭住址 通讯地址 联系方式 邮编
    甲方 乙方 丙方
    法定代表人 委托代理人 授权代表 开户银行 税号 纳税人识别号 统一社会信用代码 校验码 购买方 销售方 收款人 付款人
    复核 开票人
    申请人 申请部门 申请事由 申请理由 审批人 审批意见 审核 审核人 制表人 主管 主持人 记录人 参会人员 出席 缺席
    会议主题 会议地点
    付款方式 交货方式 交货地点 付款条件 收货人 发货人 送货地址 收货地址 传真 微信 网站 工程名称 建设单位 施工单位
    监理单位 设计单位
    役職 会社 会社名 価格 数量 金額 商品 商品名 品名 備考 日付 種類 都道府県 性別 年齢 이름 성명 번호 전화
    전화번호 주소 부서 직급 회사 가격 수량 금액 제품 비고 날짜 상태 구분 品目 사번 부서명 직위 연락처 이메일 입사일
    생년월일 성별 주민등록번호 학력 경력 비밀번호
    生年月日 学歴 職歴 資格 志望動機 趣味 特技 連絡先 担当 担当者 摘要 発行日 納期 支払条件 件名 宛先
    """
)
_EAST_ASIAN_ENDS = (
    *(
        "名称",
        "名字",
        "编号",
        "编码",
        "代码",
        "号码",
        "序号",
        "型号",
        "数量",
        "金额",
        "单价",
        "价格",
        "日期",
        "时间",
        "地址",
        "电话",
    ),
    *(
        "类型",
        "类别",
        "状态",
        "方式",
        "说明",
        "描述",
        "备注",
        "要求",
        "标准",
        "内容",
        "单位",
        "负责人",
        "联系人",
        "人员",
        "部门",
        "情况",
    ),
    *(
        "原因",
        "结果",
        "比例",
        "面积",
        "重量",
        "期限",
        "次数",
        "人数",
        "天数",
        "金額",
        "數量",
        "名稱",
        "編號",
        "電話",
        "番号",
        "번호",
    ),
    *("率", "额", "量", "价", "费", "数", "名", "号", "码", "型"),
)
# Labels of the fields by which people call a row.
_KEY_WORDS = _split(
    """
    id name title code no nr number sku key ref reference serial article part item product model question label
    username email isbn ean plate invoice order nom nombre nome naam nummer numero número codigo código
    bezeichnung kundennummer artikel artikelnummer имя код
    """
)
_KEY_EAST_ASIAN_ENDS = (
    *(
        "编号",
        "编码",
        "代码",
        "号码",
        "单号",
        "型号",
        "名称",
        "姓名",
        "标题",
        "名",
        "号",
        "问题",
        "产品",
        "商品",
        "品名",
        "工号",
    ),
    *("編號", "名稱", "標題", "番号", "氏名", "名前", "이름", "성명", "번호"),
)
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)?|\d+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_IDENTIFIER = re.compile(r"\A(?:[A-Za-z][A-Za-z0-9]*(?:[_.][A-Za-z0-9]+)+|[a-z]+(?:[A-Z][a-z0-9]+)+)")
_BRACKETS = re.compile(r"[(（\[【][^()（）]{1,20}[)）\]】]\s*$")
_LONGEST_NAME = 60


def is_label_word(text: str) -> bool:
    """Whether ``text`` holds a word that people use as a label: ``Order no.``, ``created_at``, ``联系电话``."""
    return 0 < len(text) <= _LONGEST_NAME and _is_label_word(text)


@lru_cache(maxsize=4096)
def _is_label_word(text: str) -> bool:
    bare = _BRACKETS.sub("", text).strip(" :：*#")
    if bare in _EAST_ASIAN or (len(bare) <= 10 and bare.endswith(_EAST_ASIAN_ENDS) and not bare.isascii()):
        # 东湖路9号 is an address.
        return len(bare) > 1 and not (bare[-1] == "号" and bare[-2].isdigit())
    words = words_of(bare)
    if not 0 < len(words) <= 6 or any(map(str.isdigit, words)):
        return False
    # "Order no" is a label, "no power" is not.
    return any(word in _WORDS and (word != "no" or place) for place, word in enumerate(words))


def is_label_form(text: str) -> bool:
    """Whether ``text`` has the form of a label and not of a value: an identifier, a question, a unit in brackets."""
    stripped = text.rstrip()
    return (
        stripped.endswith(("?", "？", ":", "："))
        or _IDENTIFIER.fullmatch(stripped) is not None
        or (len(stripped) <= _LONGEST_NAME and _BRACKETS.search(stripped) is not None)
    )


def is_key_label(text: str) -> bool:
    """Whether ``text`` labels a field that identifies a row: a name, a number, a title."""
    bare = _BRACKETS.sub("", text).strip(" :：*#")
    if not bare or len(bare) > _LONGEST_NAME:
        return False
    if bare.endswith(_KEY_EAST_ASIAN_ENDS):
        return True
    words = words_of(bare)
    return 0 < len(words) <= 3 and (words[-1] in _KEY_WORDS or words[0] in _KEY_WORDS)


def words_of(text: str) -> list[str]:
    """The words of a label or identifier, in lower case."""
    return [word.casefold() for word in _WORD.findall(_CAMEL.sub(" ", text))]
