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
from lunette.uses.anomalies.anomalies import anomalies as anomalies
from lunette.uses.catalogue import catalogue as catalogue
from lunette.uses.change.concepts import add_concept as add_concept
from lunette.uses.change.concepts import concepts as concepts
from lunette.uses.change.denoise import denoise as denoise
from lunette.uses.change.edit import edit as edit
from lunette.uses.change.inpaint import inpaint as inpaint
from lunette.uses.compare.compare import compare as compare
from lunette.uses.data.data import data as data
from lunette.uses.data.pack import pack as pack
from lunette.uses.doctor import doctor as doctor
from lunette.uses.draw.interpolate import interpolate as interpolate
from lunette.uses.draw.latents import latents as latents
from lunette.uses.draw.manifold import manifold as manifold
from lunette.uses.draw.reconstruct import reconstruct as reconstruct
from lunette.uses.draw.sample import sample as sample
from lunette.uses.evaluate.evaluate import evaluate as evaluate
from lunette.uses.evidence import evidence as evidence
from lunette.uses.export.bundle import unpack as unpack
from lunette.uses.export.folder import export as export
from lunette.uses.fit_prior import fit_prior as fit_prior
from lunette.uses.train import resume as resume
from lunette.uses.train import train as train
from lunette.uses.tune.tune import tune as tune

__version__: str
