"""Files that hold images in other ways: the lines of Python that make a source of them."""

from __future__ import annotations

from pathlib import Path

SAVE = 'numpy.savez("images.npz", images=x, labels=y)  # x: (N, H, W) or (N, H, W, 3)'
TABLE = 'numpy.savez("images.npz", images=x[:, 1:].reshape(-1, 28, 28).astype("uint8"), labels=x[:, 0].astype(int))'
LINES = {
    (".csv",): """\
x = numpy.loadtxt({name}, delimiter=",", skiprows=1)  # a row is a label and 28 × 28 pixels
""" + TABLE,
    (".tsv",): """\
x = numpy.loadtxt({name}, delimiter="\\t", skiprows=1)  # a row is a label and 28 × 28 pixels
""" + TABLE,
    (".mat",): """\
file = scipy.io.loadmat({name})  # print(file.keys())
x, y = file["X"], file["y"].ravel()
""" + SAVE,
    (".h5", ".hdf5"): """\
file = h5py.File({name})  # print(list(file))
x, y = file["images"][:], file["labels"][:]
""" + SAVE,
    (".pkl", ".pickle"): """\
x, y = pickle.load(open({name}, "rb"))  # it runs what is in the file: only for one that you trust
""" + SAVE,
    (".pt", ".pth"): """\
x, y = (tensor.numpy() for tensor in torch.load({name}))
""" + SAVE,
    (".parquet",): """\
os.makedirs("images")  # and then --data images
for i, image in enumerate(pandas.read_parquet({name})["image"]):
    open(f"images/{i:06}.png", "wb").write(image["bytes"])""",
    (".zip",): """\
zipfile.ZipFile({name}).extractall("images")  # and then --data images""",
    (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"): """\
tarfile.open({name}).extractall("images", filter="data")  # and then --data images""",
}  # fmt: skip


def lines_for(path: Path) -> str | None:
    """Return the lines of Python that turn the file at `path` into a source, or None for a kind that is not known."""
    found = (lines for ends, lines in LINES.items() if path.name.lower().endswith(ends))
    lines = next(found, None)
    return lines and lines.replace("{name}", repr(str(path)))
