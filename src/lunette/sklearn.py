"""The recipes as an estimator of scikit-learn: features in, codes out; works in its pipelines and searches.

from lunette.sklearn import Autoencoder
codes = Autoencoder(latent=8, epochs=50, random_state=0).fit_transform(X)
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import check_array, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from lunette.compute.coding import decode, encode
from lunette.errors import LunetteError, LunetteWarning
from lunette.faces.progress import showing
from lunette.images import DataSettings, Images, Shape
from lunette.measures.likelihood.bound import evidence_model
from lunette.recipes import build, describe, find, no_bound
from lunette.signatures import described
from lunette.training import TrainingSettings
from lunette.uses.draw.sample import sample_model
from lunette.uses.given import built_with_seed, sort_settings
from lunette.uses.train import train_model

Array = NDArray[Any]


def _has_bound(estimator: Autoencoder) -> bool:
    """Return whether rows have a bound on their density under an estimator's recipe, which need not be fitted."""
    with torch.random.fork_rng():
        try:
            made = build(estimator.recipe, (1, 8, 8))
        except LunetteError:
            return True  # `fit` says what is wrong with it
        return not no_bound(made)


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Any recipe of Lunette, fitted to an array X (N, features) of finite numbers; no run folder is left.

    The model sees X scaled to [0, 1]: of each feature what is least and most in training, or `limits`. Nothing is
    rounded to 8 bits, except by likelihoods of levels. A row is a picture of `shape`, which is all the same to an mlp.

    Parameters:
        recipe: one of `lunette recipes`; by default the VAE with normal features of the best variance.
        latent, network, likelihood: arguments of the recipe; None for its own default.
        settings: its other arguments and fields of TrainingSettings by name, such as {"beta": 4.0, "clip": 1.0}.
        epochs, batch_size, learning_rate: of training.
        shape: (H, W) or (C, H, W) of the picture that a row is; by default (1, 1, features).
        limits: (low, high), what black and white are in all features, such as (0, 255).
        bound_samples: K of the bound that `score_samples` returns.
        random_state: None, an int, which is the seed of `lunette.train`, or a RandomState.
        verbose: whether to show a progress bar.

    Attributes:
        recipe_: the recipe, with the trained model.
        rungs_: dimensions of each rung of its codes, which stand side by side.
        scaler_: what brings features to [0, 1] and back.
        n_features_in_, feature_names_in_: of X.
    """

    def __init__(
        self,
        recipe: str = "sigma_vae",
        *,
        latent: int | None = None,
        network: str | None = None,
        likelihood: str | None = None,
        settings: Mapping[str, Any] | None = None,
        epochs: int = 30,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        shape: tuple[int, ...] | None = None,
        limits: tuple[float, float] | None = None,
        bound_samples: int = 100,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.recipe = recipe
        self.latent = latent
        self.network = network
        self.likelihood = likelihood
        self.settings = settings
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.shape = shape
        self.limits = limits
        self.bound_samples = bound_samples
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Autoencoder:  # noqa: ARG002
        """Train on X (N, features); y is not looked at. Raises LunetteError for what the recipe cannot do."""
        X = validate_data(self, X, dtype=(np.float64, np.float32))
        self.scaler_ = MinMaxScaler().set_output(transform="default").fit(self._limits(X))
        given, how = self._settings()
        images = Images(self._pictures(X))
        self._built = (self.recipe, images.shape, given)
        with torch.random.fork_rng(), showing() if self.verbose else contextlib.nullcontext():
            self.recipe_ = built_with_seed(*self._built, how.seed, labels=0)
            train_model(self.recipe_, images, how)
        self.rungs_ = tuple(rung.shape[1] for rung in encode(self.recipe_.model, images.pixels[:1]))
        return self

    def transform(self, X: Any) -> Array:
        """X (N, features) → the posterior means of its codes, float32 (N, D)."""
        rungs = encode(self._model, self._pictures(self._checked(X)))
        return torch.cat(rungs, dim=1).cpu().numpy()

    def inverse_transform(self, X: Any) -> Array:
        """Codes (N, D) → the means of p(x | z) (N, features), in the units of the data."""
        model = self._model
        X = check_array(X, dtype=np.float32)
        if X.shape[1] != self._n_features_out:
            raise ValueError(f"X has {X.shape[1]} columns, but codes have {self._n_features_out} dimensions")
        return self._features(decode(model, torch.from_numpy(X).split(self.rungs_, dim=1)))

    @available_if(_has_bound)  # type: ignore[untyped-decorator]
    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return the importance bound log 1/K Σ w ≤ log p(x) of each row of X, (N,), in nats.

        It is of X in its own units where the likelihood is a density. Each row meets the same noise, so that its score
        depends on no other row. Where it is no probability, a warning says why. Raises LunetteError for a model
        without a prior or a density of codes.
        """
        model, x = self._model, self._pictures(self._checked(X))
        with torch.random.fork_rng():
            density = describe(self.recipe_).density
            bounds = [evidence_model(model, row[None], self.bound_samples, seed=0).bounds for row in x]
        if not density:
            why = density.why_not
            warnings.warn(f"these scores are no log-densities: {why}", LunetteWarning, stacklevel=2)
        is_density = self.recipe_.model.likelihood.kind == "density"
        return (float(np.log(self.scaler_.scale_).sum()) if is_density else 0.0) - np.concatenate(bounds)

    @available_if(_has_bound)  # type: ignore[untyped-decorator]
    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002
        """Return the mean of `score_samples`, in nats a row; y is not looked at."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Array:
        """Return the means of p(x | z) (N, features) of codes that are drawn from the prior.

        Raises LunetteError where there is no prior.
        """
        model, seed = self._model, check_random_state(random_state).randint(2**31)
        return self._features(sample_model(model, n_samples, int(seed)).images)

    @property
    def _model(self) -> Any:
        check_is_fitted(self)
        return self.recipe_.model

    @property
    def _n_features_out(self) -> int:
        return sum(self.rungs_)

    @property
    def _shape(self) -> Shape:
        sides = tuple(np.atleast_1d(self.shape or self.n_features_in_).tolist())
        if len(sides) > 3 or min(sides) < 1 or math.prod(sides) != self.n_features_in_:
            raise LunetteError(f"rows of {self.n_features_in_} features are no pictures of the shape {self.shape}")
        channels, height, width = (1, 1, *sides)[-3:]
        return channels, height, width

    def _limits(self, X: Array) -> Array:
        """Return what holds the least and the most of each feature; raises LunetteError for limits that are none."""
        if self.limits is None:
            return X
        ends = np.array(self.limits, X.dtype)
        if ends.shape != (2,) or not -np.inf < ends[0] < ends[1] < np.inf:
            raise LunetteError(f"limits are what black is and, above it, what white is, such as (0, 255), not {ends}")
        return np.repeat(ends[:, None], X.shape[1], axis=1)

    def _settings(self) -> tuple[dict[str, Any], TrainingSettings]:
        """Return the recipe's arguments and how to train; raises LunetteError for what cannot be used."""
        if "labels" in (argument.name for argument in described(find(self.recipe))):
            raise LunetteError(f"{self.recipe} is told labels, and transform is told none: take another recipe")
        own = {name: getattr(self, name) for name in ("latent", "network", "likelihood")}
        training = {name: getattr(self, name) for name in ("epochs", "batch_size", "learning_rate")}
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(2**31)
        chosen = {name: value for name, value in own.items() if value is not None} | training | {"seed": int(seed)}
        given, how, loading = sort_settings(self.recipe, chosen | dict(self.settings or {}))
        if loading != DataSettings():
            raise LunetteError("settings of an estimator are of the recipe and of training; its pictures are X itself")
        if how.patience:
            raise LunetteError("an estimator trains on all of X, and holds nothing out to stop by: leave patience out")
        return given, how

    def _checked(self, X: Any) -> Array:
        check_is_fitted(self)
        return validate_data(self, X, dtype=(np.float64, np.float32), reset=False)

    def _pictures(self, X: Array) -> Tensor:
        """Return rows of features as images (N, C, H, W), float32, those of training in [0, 1]."""
        return torch.from_numpy(self.scaler_.transform(X).astype(np.float32, order="C")).reshape(-1, *self._shape)

    def _features(self, images: NDArray[np.float32]) -> Array:
        """Return images in [0, 1] as rows of features in the units of the data."""
        return self.scaler_.inverse_transform(images.reshape(len(images), -1))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle keeps: of the trained recipe the weights alone, as they can be read on any machine."""
        state = dict(super().__getstate__())
        if recipe := state.pop("recipe_", None):
            state["weights"] = {name: value.cpu().numpy() for name, value in recipe.model.state_dict().items()}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        weights = state.pop("weights", None)
        super().__setstate__(state)
        if weights is not None:
            with torch.random.fork_rng():
                self.recipe_ = build(*self._built)
            self.recipe_.model.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
            self.recipe_.model.eval()
