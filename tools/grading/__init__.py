"""Judging handed-in notebooks: `tools/grade.py` is the command, and these are its parts.

The command starts judges, and each judge starts a candidate for every exercise:

- a *candidate* (`candidate.py`, started by `process.py`) runs a learner's function alone;
- a *judge* (`judge.py`) runs the project's check. The function that it checks is a stand-in
  (`remote.py`) that passes the arguments on to the candidate, and hands back what it returns.

So a verdict never comes from a process that ran a learner's code. What comes back from a
candidate is numbers and texts alone (`wire.py`), never pickled objects.

What a check may give to a function: numbers, tensors, containers of them, modules (whose weights,
and records in plain attributes, come back with the result), and functions, which the judge calls
for the candidate with numbers and tensors.
"""
