"""The MNIST example keeps its order on a data set that the package holds: random, k-means, distilled."""


def test_mnist_keeps_its_promise_on_digits(example, tmp_path):
    found = example("mnist").main(
        "digits", steps=60, label_steps=10, narrow=8, width=8, out=tmp_path, results=tmp_path / "results.json"
    )
    assert found.mean("distilled") > found.mean("k-means") > found.mean("random") + 0.1
    assert {path.name for path in tmp_path.iterdir()} == {"data.npz", "images.png", "accuracy.png", "results.json"}
