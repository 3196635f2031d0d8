"""What editing changes besides what it is meant to."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from lunette.compute.coding import encode
from lunette.images import Images, index_of
from lunette.measures.classifier import Classifier, classifier_of
from lunette.measures.ink import MEASURES, measure
from lunette.models import LatentModel
from lunette.runs import Codes, Trained
from lunette.runs.stand_ins import warn_of_missing

# Pictures (N, C, H, W), float in [0, 1], that were made of N others, → one number: how they came out.
Effect = Callable[[Tensor], float]


def effects_of(trained: Trained, images: Images, y: Tensor | None, to: str | None) -> Mapping[str, Effect]:
    """Return, by name, all that is known to measure on pictures made of `images`, which have labels y if told any.

    That is `identity`, of grey pictures the measures, and `concept_moved` for each concept of these codes in the run.
    Where they are to become pictures of the label `to`, it is also the share that is named so. Where the run's data is
    not on this machine it is nothing, as a warning says.
    """
    run, model = trained.run, trained.model
    if run.missing_data:
        warn_of_missing(run, "what else the edit changes is not measured")
        return {}
    classifier = classifier_of(run.dataset)
    found = identity(classifier, images)
    if to is not None and classifier.supervised:
        goal = index_of(to, trained.label_names)
        found[f"named {to}"] = lambda x: float((classifier.probabilities(x).argmax(1) == goal).float().mean())
    if images.shape[0] == 1:
        found |= {name: mean_of(name) for name in MEASURES}
    if model.labels and to is not None:
        return found  # drawn with another label than y, with which a code would be read wrongly
    codes = encode(model, images.pixels, y)
    for name in run.concepts.names():
        concept = run.concepts.load(name)
        if concept.checkpoint_sha256 == trained.sha256:
            found[f"along {name}"] = concept_moved(model, codes, concept.vector, y)
    return found


def identity(classifier: Classifier, images: Images) -> dict[str, Effect]:
    """Return how much of `images` stays, as the classifier of the run's data sees it.

    Where that knows labels, it is the share of pictures that it names as it names their originals, else the mean
    cosine of their features.
    """
    if not classifier.supervised:
        features = classifier.features(images.pixels)
        return {"likeness": lambda x: float(cosine_similarity(classifier.features(x), features).mean())}
    named = classifier.probabilities(images.pixels).argmax(1)
    return {"same class": lambda x: float((classifier.probabilities(x).argmax(1) == named).float().mean())}


def mean_of(name: str) -> Effect:
    """Return the mean of the measure called `name`."""
    return lambda x: float(measure(name, x).mean())


def concept_moved(model: LatentModel, codes: Codes, vector: Codes, y: Tensor | None) -> Effect:
    """Return the mean of (z′ − z) · v / |v|², z′ the codes of pictures made of those with codes z: 1 is a whole v."""
    z, v = torch.cat(codes, 1).cpu(), torch.cat(vector)
    return lambda x: float(((torch.cat(encode(model, x, y), 1).cpu() - z) @ v).mean() / v.square().sum())
