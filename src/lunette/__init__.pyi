# All public names, once: what type checkers read, and where `__init__.py` and the command line find them.
from lunette.errors import Diverged as Diverged
from lunette.errors import Interrupted as Interrupted
from lunette.errors import LunetteError as LunetteError
from lunette.errors import LunetteWarning as LunetteWarning
from lunette.errors import Unsupported as Unsupported
from lunette.images import Images as Images
from lunette.recipes import recipe as recipe
from lunette.runs import Run as Run
from lunette.runs.opening import load as load
from lunette.runs.opening import open as open
from lunette.uses.anomalies import anomalies as anomalies
from lunette.uses.catalogue import catalogue as catalogue
from lunette.uses.comparison.compare import compare as compare
from lunette.uses.concepts import add_concept as add_concept
from lunette.uses.concepts import concepts as concepts
from lunette.uses.data import data as data
from lunette.uses.denoise import denoise as denoise
from lunette.uses.doctor import doctor as doctor
from lunette.uses.edit import edit as edit
from lunette.uses.evaluate.evaluate import evaluate as evaluate
from lunette.uses.evidence import evidence as evidence
from lunette.uses.export.bundle import unpack as unpack
from lunette.uses.export.folder import export as export
from lunette.uses.fit_prior import fit_prior as fit_prior
from lunette.uses.inpaint import inpaint as inpaint
from lunette.uses.interpolate import interpolate as interpolate
from lunette.uses.latents import latents as latents
from lunette.uses.manifold import manifold as manifold
from lunette.uses.pack import pack as pack
from lunette.uses.reconstruct import reconstruct as reconstruct
from lunette.uses.sample import sample as sample
from lunette.uses.train import resume as resume
from lunette.uses.train import train as train
from lunette.uses.tune import tune as tune

__version__: str
