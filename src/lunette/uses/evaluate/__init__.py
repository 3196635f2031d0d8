"""Honest numbers of a run: a file a group, and a file for each family of measures, which are pure functions."""

from lunette.results.evaluation import EVALUATION, Evaluation, Group, Number
from lunette.uses.evaluate.evaluate import GROUPS, evaluate
from lunette.uses.evaluate.subject import EvaluationSettings, Subject

__all__ = ["EVALUATION", "GROUPS", "Evaluation", "EvaluationSettings", "Group", "Number", "Subject", "evaluate"]
