"""A collection with another model, other chunks or another index replaces the present one while all goes on.

Imports every room before it. `ingestions` and `record_writers` keep both collections equal, `steps` does what an
operator asks for, `comparing` lets both answer. Start reading with `steps`.
"""
