"""The verbs of the command line. No logic lives here: each verb turns its words into one call.

stdout carries results, stderr logs and progress. What a verb needs is imported when it runs: ``--help`` is quick.
"""

from iapas.cli.app import run

__all__ = ["run"]
