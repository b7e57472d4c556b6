"""Contract checks against the real services: does each still behave as this software assumes?

Every assumption is a row with a sentence and a check, which passes, raises what differs, or says why it was not made.
`running` opens one service after the other, counts what is billed, and removes what was made. May import `shared` and
`ops`. Start reading at `assumption.py`; each service has a module or a folder of its own.
"""
