"""Published sets: parsed strictly, found in order, checked against their checksums, downloaded only when asked to."""

import gzip
import hashlib
import io
import os
import struct
import sys
import tarfile
import threading
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler

import pytest
import torch

from pinndd.vision.datasets import DATASETS, DatasetFileError, load_dataset
from pinndd.vision.datasets.cifar import FOLDER, TEST, TRAIN
from pinndd.vision.datasets.idx import parse_idx
from pinndd.vision.datasets.published import PUBLISHED, PublishedDataset, PublishedFile, read_archive, read_idx_files

NAMES = [file.name for file in PUBLISHED["mnist"].files]


def idx(array):
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + bytes(array.flatten().tolist())


def idx_contents(labels=(0, 1, 2, 1)):
    """Four unzipped files of a tiny MNIST."""
    pixels = torch.randint(0, 256, (6, 3, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return [idx(pixels[:4]), idx(torch.tensor(labels)), idx(pixels[4:]), idx(torch.tensor([2, 0]))]


def batch(labels):
    return b"".join(bytes([label]) + bytes([label + 10] * 1024 + [1] * 1024 + [2] * 1024) for label in labels)


def archive(batches):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in batches.items():
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def cifar_batches():
    return {name: batch([k, 9]) for k, name in enumerate((*TRAIN, *TEST))}


def sha256(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def write(folder, published):
    folder.mkdir(parents=True, exist_ok=True)
    for name, zipped in published.items():
        (folder / name).write_bytes(zipped)


def zipped(contents, names=NAMES):
    return {name: gzip.compress(content) for name, content in zip(names, contents, strict=True)}


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Put a tiny set in place of a published one, with no place to search but those that a test names."""
    monkeypatch.delenv("PINNDD_DATA", raising=False)
    monkeypatch.setattr("pinndd.vision.datasets.finding._cache", lambda name: tmp_path / "cache" / name)

    def replace(name, files, read, url="http://127.0.0.1:9/"):
        described = tuple(PublishedFile(n, (sha256(z), sha256(gzip.decompress(z)))) for n, z in files.items())
        monkeypatch.setitem(PUBLISHED, name, PublishedDataset(url, described, tuple("abcdefghij"), read))
        return files

    return replace


def test_digits_come_in_stratified_parts_that_the_seed_names():
    data, again, other = (load_dataset("digits", seed=seed) for seed in (0, 0, 1))
    assert data.shape == (1, 8, 8)
    assert len(data.train_inputs) + len(data.test_inputs) == 1797
    assert len(data.test_inputs) / 1797 == pytest.approx(0.3, abs=0.002)
    shares = data.test_labels.bincount() / (data.test_labels.bincount() + data.train_labels.bincount())
    assert float((shares - 0.3).abs().max()) < 0.005
    assert torch.equal(data.train_inputs, again.train_inputs)
    assert not torch.equal(data.train_inputs, other.train_inputs)
    pixels = data.restore(data.train_inputs)
    assert float(pixels.min()) == pytest.approx(0, abs=1e-6)
    assert float(pixels.max()) == pytest.approx(1, abs=1e-6)


def test_mnist_is_the_published_one():
    if not os.environ.get("PINNDD_DATA"):
        pytest.skip("PINNDD_DATA names no folder with MNIST")
    data = load_dataset("mnist")
    assert data.train_inputs.shape == (60000, 1, 28, 28)
    assert data.train_labels[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
    assert data.test_labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    # the numbers that every tutorial standardises MNIST by
    assert float(data.mean) == pytest.approx(0.1307, abs=5e-5)
    assert float(data.std) == pytest.approx(0.3081, abs=5e-5)


def test_idx_files_become_images_with_a_channel(tiny, tmp_path):
    contents = idx_contents()
    write(tmp_path, tiny("mnist", zipped(contents), read_idx_files))
    data = load_dataset("mnist", folder=tmp_path)
    assert data.train_inputs.shape == (4, 1, 3, 3)
    assert data.train_labels.tolist() == [0, 1, 2, 1]
    assert data.test_labels.tolist() == [2, 0]
    assert data.classes == tuple("abcdefghij")
    pixels = torch.tensor(list(contents[2][16:])).reshape(2, 1, 3, 3) / 255
    torch.testing.assert_close(data.restore(data.test_inputs), pixels)


def test_cifar_is_read_from_its_binary_archive(tiny, tmp_path):
    name = "cifar-10-binary.tar.gz"
    write(tmp_path, tiny("cifar-10", {name: gzip.compress(archive(cifar_batches()))}, read_archive))
    data = load_dataset("cifar-10", folder=tmp_path)
    assert data.train_inputs.shape == (10, 3, 32, 32)
    assert data.train_labels.tolist() == [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]
    assert data.test_labels.tolist() == [5, 9]
    red = data.restore(data.train_inputs)[:, 0].flatten(1)
    torch.testing.assert_close(red, ((data.train_labels + 10.0) / 255)[:, None].expand(red.shape))


def test_places_are_searched_in_order(tiny, tmp_path, monkeypatch):
    files = tiny("mnist", zipped(idx_contents()), read_idx_files)
    write(tmp_path / "cache" / "mnist", files)
    assert load_dataset("mnist").shape == (1, 3, 3)
    # files that cannot be read tell which place was searched first
    broken = dict.fromkeys(files, b"no zip")
    write(tmp_path / "variable", broken)
    monkeypatch.setenv("PINNDD_DATA", str(tmp_path / "variable"))
    with pytest.raises(DatasetFileError, match="variable/train-images"):
        load_dataset("mnist")
    write(tmp_path / "variable" / "mnist", files)
    assert load_dataset("mnist").shape == (1, 3, 3)
    write(tmp_path / "own", broken)
    with pytest.raises(DatasetFileError, match="own/train-images"):
        load_dataset("mnist", folder=tmp_path / "own")
    # an incomplete folder is passed over
    (tmp_path / "own" / NAMES[2]).unlink()
    assert load_dataset("mnist", folder=tmp_path / "own").shape == (1, 3, 3)


def test_files_zipped_anew_or_unzipped_are_the_published_ones(tiny, tmp_path):
    contents = idx_contents()
    tiny("mnist", zipped(contents), read_idx_files)
    write(tmp_path, {name: gzip.compress(content, 1) for name, content in zip(NAMES, contents, strict=True)})
    plain = tmp_path / NAMES[0]
    plain.unlink()
    plain.with_suffix("").write_bytes(contents[0])
    assert load_dataset("mnist", folder=tmp_path).shape == (1, 3, 3)


def test_missing_files_are_named_with_where_to_put_them(tiny, tmp_path, monkeypatch):
    files = tiny("mnist", zipped(idx_contents()), read_idx_files)
    del files[NAMES[1]]
    write(tmp_path / "some", files)
    monkeypatch.setenv("PINNDD_DATA", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError) as raised:
        load_dataset("mnist", folder=tmp_path / "some")
    message = str(raised.value)
    assert message.startswith(f"data set 'mnist': no {NAMES[1]}; searched: {tmp_path / 'some' / 'mnist'}, ")
    assert f"{tmp_path / 'none'}, {tmp_path / 'cache' / 'mnist'}. Put the 4 files from http://127.0.0.1:9/ into" in message
    assert message.endswith("folder= or the environment variable PINNDD_DATA names, or say download=True")


def test_without_pooch_the_cache_is_not_searched_and_a_download_says_what_to_install(tiny, tmp_path, monkeypatch):
    from pinndd.vision.datasets import finding

    tiny("mnist", zipped(idx_contents()), read_idx_files)
    monkeypatch.undo()
    monkeypatch.delenv("PINNDD_DATA", raising=False)
    monkeypatch.setitem(sys.modules, "pooch", None)
    assert finding.places("mnist", tmp_path) == [tmp_path / "mnist", tmp_path]
    with pytest.raises(FileNotFoundError, match=r"no train-images-idx3-ubyte.gz, .* or say download=True"):
        load_dataset("mnist")
    with pytest.raises(ImportError, match=r"download of 'mnist' needs the package pooch: pip install 'pinndd\[vision\]'"):
        load_dataset("mnist", download=True)


def changed(contents, **changes):
    """Zipped files, some of them with other contents; given by position as ``_0``."""
    return zipped([changes.get(f"_{k}", content) for k, content in enumerate(contents)])


IMAGES, LABELS, *_ = idx_contents()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            changed(idx_contents(), _0=LABELS),
            "train-images-idx3-ubyte.gz starts with 00 00 08 01, expected the magic number 00 00",
        ),
        (changed(idx_contents(), _1=b""), "train-labels-idx1-ubyte.gz starts with nothing, expected the magic number"),
        (changed(idx_contents(), _0=IMAGES[:9]), "is truncated: 9 bytes, expected a header of 16"),
        (changed(idx_contents(), _0=IMAGES[:-1]), r"is truncated: 35 bytes follow .* expected 36 for sizes \(4, 3, 3\)"),
        (changed(idx_contents(), _0=IMAGES + b"1"), "is too long: 37 bytes follow the header, expected 36"),
        ({**zipped(idx_contents()), NAMES[2]: b"no zip"}, "t10k-images-idx3-ubyte.gz is no whole gzip file"),
        (
            {**zipped(idx_contents()), NAMES[2]: gzip.compress(b"1" * 99)[:-9]},
            "t10k-images.* is no whole gzip file .*: delete it and get",
        ),
        (
            zipped(idx_contents((0, 1, 12, 1))),
            "mnist, training part: label 12 of example 2 is out of range, .* 0 to 9: get the",
        ),
        (zipped(idx_contents((0, 1, 2))), "mnist, training part: 4 examples have 3 labels"),
        (zipped(idx_contents((0, 1, 2, 3))), "train-labels-idx1-ubyte.gz is not the published file: .* none of sha256:"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(tiny, tmp_path, files, message):
    tiny("mnist", zipped(idx_contents()), read_idx_files)
    write(tmp_path, files)
    with pytest.raises(DatasetFileError, match=message):
        load_dataset("mnist", folder=tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no archive", r"cifar-10-binary.tar.gz is no whole tar archive"),
        (archive({TRAIN[0]: batch([1])}), f"holds no file {FOLDER}/data_batch_2.bin, expected the binary version"),
        (archive(cifar_batches())[:9000], "is no whole tar archive"),
        (
            archive({**cifar_batches(), TEST[0]: batch([1])[:-1]}),
            "test_batch.bin has 3072 bytes, expected whole records of 3073",
        ),
        (archive({**cifar_batches(), TEST[0]: b""}), "test_batch.bin has 0 bytes, expected whole records"),
        (
            archive({**cifar_batches(), TEST[0]: batch([1, 10])}),
            "cifar-10, test part: label 10 of example 1 is out of range",
        ),
        (archive({**cifar_batches(), TEST[0]: batch([1])}), "cifar-10-binary.tar.gz is not the published file"),
    ],
)
def test_a_damaged_archive_is_named_with_what_is_wrong(tiny, tmp_path, content, message):
    name = "cifar-10-binary.tar.gz"
    tiny("cifar-10", {name: gzip.compress(archive(cifar_batches()))}, read_archive)
    write(tmp_path, {name: gzip.compress(content)})
    with pytest.raises(DatasetFileError, match=message):
        load_dataset("cifar-10", folder=tmp_path)


def test_an_unknown_name_lists_the_known_ones():
    assert DATASETS == ("digits", "mnist", "fashion-mnist", "cifar-10")
    with pytest.raises(
        ValueError, match="unknown data set 'svhn'; expected one of digits, mnist, fashion-mnist, cifar-10, or use"
    ):
        load_dataset("svhn")


def test_idx_bytes_come_back_in_order():
    array = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 4)
    assert torch.equal(parse_idx(idx(array), "here", 3), array)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(tmp_path):
    """Serve a folder on this machine."""
    (tmp_path / "served").mkdir()
    server = HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "served")))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", tmp_path / "served"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_download_happens_when_asked_for_and_lands_in_the_cache_or_the_folder(tiny, tmp_path, server):
    pytest.importorskip("pooch", reason="downloads need pooch")
    url, served = server
    write(served, tiny("mnist", zipped(idx_contents()), read_idx_files, url))
    with pytest.raises(FileNotFoundError, match="or say download=True"):
        load_dataset("mnist")
    assert load_dataset("mnist", folder=tmp_path / "own", download=True).shape == (1, 3, 3)
    assert sorted(path.name for path in (tmp_path / "own" / "mnist").iterdir()) == sorted(NAMES)
    load_dataset("mnist", download=True)
    for path in served.iterdir():
        path.unlink()
    assert load_dataset("mnist").shape == (1, 3, 3)


def test_a_download_that_fails_says_so(tiny, tmp_path, server):
    pytest.importorskip("pooch", reason="downloads need pooch")
    url, served = server
    files = tiny("mnist", zipped(idx_contents()), read_idx_files, url)
    with pytest.raises(
        ConnectionError, match=r"download of http://.*train-images-idx3-ubyte.gz failed \(404.*put the file into"
    ):
        load_dataset("mnist", download=True)
    write(served, files | {NAMES[0]: b"another file"})
    with pytest.raises(ConnectionError, match=r"train-images-idx3-ubyte.gz failed \(SHA256 hash of downloaded file"):
        load_dataset("mnist", download=True)
    assert not (tmp_path / "cache" / "mnist" / NAMES[0]).exists()


def test_the_cache_is_the_last_place():
    pooch = pytest.importorskip("pooch", reason="the cache is where pooch puts it")
    from pinndd.vision.datasets import finding

    assert finding.places("mnist", None)[-1] == pooch.os_cache("pinndd") / "mnist"


def test_the_published_checksums_are_whole():
    for published in PUBLISHED.values():
        for file in published.files:
            for checksum in file.checksums:
                algorithm, digest = checksum.split(":")
                assert len(bytes.fromhex(digest)) == hashlib.new(algorithm).digest_size
