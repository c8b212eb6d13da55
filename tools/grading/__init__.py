"""Judging handed-in notebooks: `tools/grade.py` is the command, and these are its parts.

The command starts judges, and each judge starts a candidate for every exercise:

- a *candidate* (`candidate.py`) runs a learner's function, and nothing else;
- a *judge* (`judge.py`) runs the project's check. The function that it checks is a stand-in
  (`remote.py`) that passes the arguments on to the candidate, and hands back what it returns.

So a verdict never comes from a process that ran a learner's code. What comes back from a
candidate is numbers and texts alone (`wire.py`), never pickled objects.
"""
