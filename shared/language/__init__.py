"""What words mean to search: the analysis of texts and queries into tokens, and stop words.

Imports no other room. Start reading with `stopwords`.
"""
