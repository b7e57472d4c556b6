"""Values and rules that every room shares: models, errors, the catalog of models and prices, metadata, tenants.

Imports no other room. Start reading with `models`.
"""
