"""Where pictures come from: sources become uint8 tensors (N, C, H, W), a split each."""

from lunette.images.binarization import Binarization, binarize
from lunette.images.corruption import CORRUPTIONS, Corruption, corruption
from lunette.images.mask import Mask, read_mask
from lunette.images.packs.packed import PackedPixels
from lunette.images.packs.packing import files_of, join_shares, pack_facts, pack_images, write_share
from lunette.images.permutation import Permutation
from lunette.images.pictures import Shape, signature, to_picture
from lunette.images.sets import Dataset, Images, Label, Pixels, index_of
from lunette.images.settings import DataSettings, Fit
from lunette.images.sources.array_files import to_archive
from lunette.images.sources.moons import lit_fraction, moons
from lunette.images.sources.named import search_folders
from lunette.images.sources.reading import (
    SET_NAMES,
    Data,
    is_name,
    load,
    read,
    read_pictures,
    read_sized,
    read_with_names,
)
from lunette.images.sources.shapes import shapes
from lunette.images.sources.source import SOURCES, help_of_sources

__all__ = [
    "CORRUPTIONS",
    "SET_NAMES",
    "SOURCES",
    "Binarization",
    "Corruption",
    "Data",
    "DataSettings",
    "Dataset",
    "Fit",
    "Images",
    "Label",
    "Mask",
    "PackedPixels",
    "Permutation",
    "Pixels",
    "Shape",
    "binarize",
    "corruption",
    "files_of",
    "help_of_sources",
    "index_of",
    "is_name",
    "join_shares",
    "lit_fraction",
    "load",
    "moons",
    "pack_facts",
    "pack_images",
    "read",
    "read_mask",
    "read_pictures",
    "read_sized",
    "read_with_names",
    "search_folders",
    "shapes",
    "signature",
    "to_archive",
    "to_picture",
    "write_share",
]
