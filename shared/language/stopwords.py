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

# Words of courtesy and grammar. They stay in the index, because a title or a name may consist of them, but neither
# their presence nor their absence tells whether a chunk answers a query.
_FILLERS = """
请问 请告诉我 告诉我 我想知道 想知道 麻烦 一下 可以 能否 是否 能不能 可不可以 应该 应当 关于 介绍 多大 多长 多久
哪一 哪几 什么时候 怎么办 有关 情况 可能 能够 以及 并且 如果 但是 因为 所以 时候 一个 这些 那些 自己 之间 其中 进行
属于 叫做
i me my mine you your yours he him his she her hers we us our ours they them their theirs
can could may might must shall should will would have has had am being not no nor but if so than then there here
please tell show give know want about into onto out up down over under after before between during through
much many more most some any all each every both few other such same own just also very too only again
let get got make made say says call called name named like kind type sort way thing
"""
FILLER_WORDS: tuple[str, ...] = tuple(_FILLERS.split())
