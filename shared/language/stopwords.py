"""Words that say nothing about a chunk's subject: particles, question words, punctuation.

A question is full of them, and a keyword search that counts them finds chunks that merely ask alike.
"""

_CHINESE = """
的 了 在 是 和 与 或 也 都 就 而 及 着 被 把 为 于 对 从 到 由 以 之 其 这 那 这个 那个 哪 哪个 哪些 哪里 哪儿
什么 谁 怎么 怎样 如何 为什么 为何 多少 几 何时 吗 呢 吧 啊 有 我 你 他 她 它 们 我们 你们 他们 不 没有 请 问 下列 以下
"""
_ENGLISH = """
a an the of in on at to for from by with and or is are was were be been do does did what which who whom whose when where
why how it its this that these those as
"""
_MARKS = "， 。 ？ ！ 、 ； ： “ ” ‘ ’ （ ） 《 》 , . ? ! ; : ' \" ( ) -"

# jieba, as Milvus runs it, makes words of the spaces between English ones.
STOP_WORDS: tuple[str, ...] = (" ", *f"{_CHINESE} {_ENGLISH} {_MARKS}".split())
