"""Damaged pictures mended, in Python and on the command line."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

import lunette
from lunette.compute.coding import decode, encode
from lunette.errors import LunetteError
from lunette.faces.cli import main
from lunette.measures.fidelity import fidelity, psnr
from lunette.results import picture_folder
from lunette.uses.change.denoise import Mended

QUIET = {"progress": False}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run that learned to mend masked digits, and one that learned to draw them."""
    folder = tmp_path_factory.mktemp("denoise")
    how = {"epochs": 12, "network": "mlp:128", "learning_rate": 3e-3, "pictures": 0, **QUIET}
    mends = lunette.train("denoising", out=folder / "mends", noise="masking", level=0.3, **how)
    return {"mends": mends, "draws": lunette.train("vae", out=folder / "draws", **how)}


@pytest.fixture
def pairs(runs, tmp_path):
    """A folder of damaged test digits, and one of the same clean."""
    clean = runs["mends"].dataset.test.pixels[:4, 0].numpy()
    damaged = np.where(np.random.default_rng(0).random(clean.shape) < 0.3, 0, clean).astype(np.uint8)
    for name, pictures in (("damaged", damaged), ("clean", clean)):
        for file, picture in zip(("b.png", "a/cat.png", "a/dog.png", "c.png"), pictures, strict=True):
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
    return tmp_path / "damaged", tmp_path / "clean"


def test_psnr_is_its_formula_up_to_that_of_rounding_to_8_bits():
    clean = torch.zeros(3, 1, 2, 2)
    images = clean + torch.tensor([0.1, 0.5, 0.0])[:, None, None, None]
    expected = [20.0, 10 * math.log10(4), 10 * math.log10(12 * 255**2)]
    np.testing.assert_allclose(psnr(clean, images), expected, rtol=1e-6)
    images[0, 0, 0, 0] = 1.0
    assert psnr(clean, images)[0] == pytest.approx(10 * math.log10(4 / (1 + 3 * 0.01)), rel=1e-6)


def test_equal_pictures_have_the_psnr_of_evaluate():
    pictures = np.random.default_rng(0).random((3, 1, 12, 12), np.float32)
    mended = Mended(damaged=pictures / 2, images=pictures, clean=pictures, learned=True)
    x = torch.from_numpy(pictures)
    assert mended.after.tolist() == fidelity(x, x)["PSNR"].tolist()
    assert mended.before.tolist() == fidelity(x, x / 2)["PSNR"].tolist()
    assert repr(mended).endswith("→ 58.92 dB)")


def test_a_run_that_learned_to_mend_raises_psnr_of_its_own_damage(runs):
    mended = lunette.denoise(runs["mends"], **QUIET)
    clean = runs["mends"].dataset.test.pixels[:].numpy() / np.float32(255)
    assert mended.learned
    assert mended.images.shape == clean.shape
    assert np.array_equal(mended.clean, clean)
    assert 0.2 < (mended.damaged == 0)[clean > 0].mean() < 0.4
    error = ((mended.images - clean) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(mended.after, 10 * np.log10(1 / error), rtol=1e-5)
    assert mended.after.mean() > mended.before.mean() + 3
    assert f"PSNR {mended.before.mean():.2f} → {mended.after.mean():.2f} dB" in repr(mended)
    assert mended.picture().size == (4 * 3 * 98 + 3 * 10 + 2, 8 * 98 + 2 + 17)


def test_mending_is_one_pass_and_belongs_to_its_seed(runs):
    one, same, other = (lunette.denoise(runs["mends"], seed=seed, **QUIET) for seed in (1, 1, 2))
    assert np.array_equal(one.images, same.images)
    assert not np.array_equal(one.damaged, other.damaged)
    model = runs["mends"].model(device="cpu")
    expected = decode(model, encode(model, torch.from_numpy(one.damaged)))
    np.testing.assert_allclose(one.images, expected, atol=1e-6)


def test_another_model_projects(runs):
    mended = lunette.denoise(runs["draws"], **QUIET)
    assert not mended.learned
    assert "projected on what the model draws, PSNR" in repr(mended)
    noisy = mended.damaged - mended.clean
    assert noisy[(mended.clean > 0.3) & (mended.clean < 0.7)].std() == pytest.approx(0.27, abs=0.03)  # N(0, 0.3²) cut
    weak, strong = (lunette.denoise(runs["draws"], noise="masking", level=level, **QUIET) for level in (0.1, 0.9))
    assert weak.before.mean() > strong.before.mean() + 5


def test_your_own_pictures_beside_clean_ones(runs, pairs):
    damaged, clean = pairs
    mended = lunette.denoise(runs["mends"], damaged, clean=clean, **QUIET)
    assert mended.names == ("a/cat.png", "a/dog.png", "b.png", "c.png")
    assert (mended.after > mended.before).mean() > 0.5
    assert set(mended.arrays()) == {"damaged", "images", "clean", "psnr_before", "psnr_after"}
    alone = lunette.denoise(runs["mends"], damaged, **QUIET)
    assert np.array_equal(alone.images, mended.images)
    assert alone.before is alone.after is None
    made = lunette.denoise(runs["mends"], clean, noise="masking", **QUIET)
    assert np.array_equal(made.clean, mended.clean)


def test_pictures_that_do_not_go_together_are_refused(runs, pairs):
    damaged, clean = pairs
    run = runs["mends"]
    (clean / "c.png").rename(clean / "d.png")
    with pytest.raises(LunetteError, match=r"damaged picture c\.png would be compared with d\.png"):
        lunette.denoise(run, damaged, clean=clean, **QUIET)
    one = lunette.denoise(run, damaged / "c.png", clean=clean / "d.png", **QUIET)  # whatever they are called
    assert one.after == pytest.approx(psnr(torch.from_numpy(one.clean), torch.from_numpy(one.images)))
    (clean / "d.png").unlink()
    with pytest.raises(LunetteError, match="4 damaged pictures and 3 clean ones"):
        lunette.denoise(run, damaged, clean=clean, **QUIET)
    with pytest.raises(LunetteError, match="leave out clean"):
        lunette.denoise(run, clean=clean, **QUIET)
    with pytest.raises(LunetteError, match=r"level 0\.2 says how strong"):
        lunette.denoise(run, level=0.2, **QUIET)
    with pytest.raises(LunetteError, match="unknown corruption 'rain'"):
        lunette.denoise(run, noise="rain", **QUIET)


def test_the_command_line_keeps_names(runs, pairs, tmp_path, capsys):
    damaged, clean = pairs
    args = ["denoise", str(runs["mends"].path), str(damaged), "--clean", str(clean), "-o", "out/mended"]
    assert main(args) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "out/mended"
    out = tmp_path / "out" / "mended"
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png"))
    assert files == ["a/cat.png", "a/dog.png", "b.png", "c.png", "sheet.png"]
    expected = lunette.denoise(runs["mends"], damaged, **QUIET).images
    with Image.open(out / "b.png") as picture:
        assert np.array_equal(np.asarray(picture), (expected[2, 0] * 255).round().astype(np.uint8))
    assert main(args) == 2
    assert "exists already: choose another" in capsys.readouterr().err


def test_endings_are_kept_where_names_would_meet(runs, pairs, tmp_path):
    damaged, _ = pairs
    with Image.open(damaged / "c.png") as picture:
        picture.save(damaged / "c.bmp")
    lunette.denoise(runs["mends"], damaged, **QUIET).save_folder(tmp_path / "out")
    assert {"c.bmp.png", "c.png.png", "sheet.png"} <= {path.name for path in (tmp_path / "out").iterdir()}


def test_pictures_without_files_have_numbers_and_the_run_gets_the_sheet(runs, tmp_path, capsys):
    run = runs["mends"]
    lunette.denoise(run, run.dataset.test.pixels[:2], **QUIET).save_folder(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["00000.png", "00001.png", "sheet.png"]
    assert main(["denoise", str(run.path), "--npz", "mended.npz"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [str(run.pictures / "denoise.png"), "mended.npz"]
    with np.load("mended.npz") as arrays:
        assert arrays["psnr_after"].shape == (len(run.dataset.test),)


def test_nothing_is_left_half_written(runs, tmp_path, monkeypatch):
    write, written = picture_folder.write_through, []

    def full(path, data):
        if len(written) == 2:
            raise OSError(28, "full")
        written.append(path)
        write(path, data)

    monkeypatch.setattr(picture_folder, "write_through", full)
    mended = lunette.denoise(runs["mends"], **QUIET)
    with pytest.raises(LunetteError, match="the disk is full"):
        mended.save_folder(tmp_path / "out")
    assert len(written) == 2
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(LunetteError, match=r"\. exists already"):
        mended.save_folder(".")
